//! When keys are read and fetched, and when not.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use types::{ManualClock, Timestamp};

use super::*;

const SET: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::new(1_700_000_000, 0)))
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn of_file(path: &Path) -> anyhow::Result<Issuers> {
    let config = IssuerConfig {
        url: "idp.example.com".to_owned(),
        keys: KeysFrom::File(path.to_path_buf()),
    };
    let clock: Arc<dyn Clock> = clock();
    Issuers::load(&[config], &clock)
}

#[tokio::test]
async fn an_issuer_that_is_not_configured_has_no_keys() {
    let file = file(SET);
    let issuers = of_file(file.path()).unwrap();
    for name in [
        "",
        "idp.example.com/",
        "IDP.example.com",
        "other.example.com",
    ] {
        let none = issuers.keys(name, None).await.unwrap_err();
        assert_eq!(none, NoKeys::Unconfigured, "{name}");
    }
    assert!(issuers.keys("idp.example.com", None).await.is_ok());
}

#[tokio::test]
async fn another_key_in_the_file_counts_at_once_and_a_broken_file_has_none() {
    let file = file(SET);
    let issuers = of_file(file.path()).unwrap();
    let first = issuers.keys("idp.example.com", None).await.unwrap();
    let same = issuers.keys("idp.example.com", None).await.unwrap();
    assert!(Arc::ptr_eq(&first, &same));
    std::fs::write(file.path(), SET.replace("\"a\"", "\"other\"")).unwrap();
    let newer = issuers.keys("idp.example.com", None).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &newer));
    std::fs::write(file.path(), "{").unwrap();
    let none = issuers.keys("idp.example.com", None).await.unwrap_err();
    assert_eq!(none, NoKeys::Unavailable);
    std::fs::remove_file(file.path()).unwrap();
    assert!(issuers.keys("idp.example.com", None).await.is_err());
    std::fs::write(file.path(), SET).unwrap();
    assert!(issuers.keys("idp.example.com", None).await.is_ok());
}

#[test]
fn a_file_that_is_no_key_set_is_refused_at_the_start() {
    let empty = file("{\"keys\": []}");
    let refused = of_file(empty.path()).unwrap_err();
    assert!(
        format!("{refused:#}").contains("holds no RSA key"),
        "{refused:#}"
    );
    let missing = of_file(Path::new("/nonexistent")).unwrap_err();
    assert!(
        format!("{missing:#}").contains("/nonexistent"),
        "{missing:#}"
    );
}

/// A server without TLS that answers every request with `answer`, and counts them.
async fn server(answer: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _read = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (port, asked)
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Keys at an address; the configuration takes `https` only, these tests do without.
fn address(port: u16, clock: &Arc<ManualClock>) -> Arc<KeyAddress> {
    let url: Uri = format!("http://127.0.0.1:{port}/keys").parse().unwrap();
    Arc::new(KeyAddress {
        server: Target::parse(&url).unwrap(),
        path: "/keys".to_owned(),
        ca_file: PathBuf::new(),
        clock: clock.clone(),
        fetched: Mutex::default(),
        fetching: Arc::default(),
    })
}

#[tokio::test]
async fn fetched_keys_are_kept_and_fetched_again_when_they_are_old_or_lacking() {
    let clock = clock();
    let (port, asked) = server(answer("200 OK", SET)).await;
    let address = address(port, &clock);
    let first = address.keys("i", None).await.unwrap();
    let again = address.keys("i", None).await.unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    // A token with another key does not have them fetched in less than ten seconds.
    let lacking = address.keys("i", Some(&first)).await.unwrap();
    assert!(Arc::ptr_eq(&first, &lacking));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    clock.advance(Duration::from_secs(10));
    let newer = address.keys("i", Some(&first)).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &newer));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    // Whoever lacked the older set finds the newer one there already.
    let found = address.keys("i", Some(&first)).await.unwrap();
    assert!(Arc::ptr_eq(&found, &newer));
    clock.advance(FRESH);
    address.keys("i", None).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_server_that_fails_is_not_asked_again_at_once() {
    for body in [
        answer("404 Not Found", SET),
        answer("302 Found\r\nlocation: http://127.0.0.1/", SET),
        answer("200 OK", "{}"),
        answer("200 OK", &" ".repeat(70_000)),
        "nonsense".to_owned(),
    ] {
        let clock = clock();
        let (port, asked) = server(body).await;
        let address = address(port, &clock);
        for _ in 0..5 {
            let none = address.keys("i", None).await.unwrap_err();
            assert_eq!(none, NoKeys::Unavailable);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        clock.advance(APART);
        address.keys("i", None).await.unwrap_err();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn keys_outlive_a_failing_server_for_five_minutes_only() {
    let clock = clock();
    let (port, _) = server(answer("500 Oops", "")).await;
    let address = address(port, &clock);
    let keys = Arc::new(KeySet::parse(SET.as_bytes()).unwrap());
    address.fetched().keys = Some((Arc::clone(&keys), clock.monotonic()));
    let kept = address.keys("i", Some(&keys)).await.unwrap();
    assert!(Arc::ptr_eq(&keys, &kept));
    clock.advance(FRESH);
    address.keys("i", None).await.unwrap_err();
}

/// A server that answers nobody until it is told to.
async fn slow_server() -> (u16, tokio::sync::oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (answer_now, told) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _read = stream.read(&mut request).await.unwrap();
        told.await.unwrap();
        let text = answer("200 OK", &SET.replace("\"a\"", "\"newer\""));
        stream.write_all(text.as_bytes()).await.unwrap();
    });
    (port, answer_now)
}

#[tokio::test]
async fn whom_the_known_keys_suffice_waits_for_nobody_who_fetches_others() {
    let clock = clock();
    let (port, answer_now) = slow_server().await;
    let address = address(port, &clock);
    let keys = Arc::new(KeySet::parse(SET.as_bytes()).unwrap());
    address.fetched().keys = Some((Arc::clone(&keys), clock.monotonic()));
    let mut lacking = std::pin::pin!(address.keys("i", Some(&keys)));
    // The first that lacks a key fetches, and so does not end here.
    tokio::select! {
        biased;
        _ = &mut lacking => panic!("nothing was fetched yet"),
        () = std::future::ready(()) => {}
    }
    tokio::select! {
        biased;
        known = address.keys("i", None) => assert!(Arc::ptr_eq(&known.unwrap(), &keys)),
        () = std::future::ready(()) => panic!("a good token waits for another's key"),
    }
    // Another that lacks the same key waits for what is found, and is not refused.
    let mut second = std::pin::pin!(address.keys("i", Some(&keys)));
    tokio::select! {
        biased;
        _ = &mut second => panic!("nothing was fetched yet"),
        () = std::future::ready(()) => {}
    }
    answer_now.send(()).unwrap();
    let found = lacking.await.unwrap();
    assert!(!Arc::ptr_eq(&found, &keys));
    assert!(Arc::ptr_eq(&second.await.unwrap(), &found));
}

#[test]
fn what_strangers_can_have_said_is_said_once_in_ten_seconds() {
    let seldom = Seldom::default();
    let at = |seconds| Monotonic(Duration::from_secs(seconds));
    let said: Vec<bool> = [5, 5, 6, 14, 15, 16]
        .map(|second| seldom.admit(at(second)))
        .into();
    assert_eq!(said, [true, false, false, false, true, false]);
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_the_keys_from_nobody() {
    let clock = clock();
    let (port, answer_now) = slow_server().await;
    let address = address(port, &clock);
    {
        let mut first = std::pin::pin!(address.keys("i", None));
        tokio::select! {
            biased;
            _ = &mut first => panic!("nothing was fetched yet"),
            () = std::future::ready(()) => {}
        }
    }
    answer_now.send(()).unwrap();
    // Ten seconds are not over, and it has what the first one asked for.
    assert!(address.keys("i", None).await.is_ok());
}
