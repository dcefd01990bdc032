//! The signer of the AWS SDK for Rust as an independent second opinion.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Call {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    token: Option<String>,
    is_presigned: bool,
}

fn percent(text: &str) -> String {
    String::from_utf8(crate::escape::encode(text.as_bytes().into()).into_owned()).unwrap()
}

impl Call {
    fn unsigned(&self) -> Request<Vec<u8>> {
        let mut uri = self.path.clone();
        for (at, (name, value)) in self.query.iter().enumerate() {
            uri.push(if at == 0 { '?' } else { '&' });
            uri += &[percent(name), percent(value)].join("=");
        }
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(format!("https://{}{uri}", draft::HOST))
            .header("host", draft::HOST);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(self.body.clone()).unwrap()
    }

    fn sign(&self) -> Request<Vec<u8>> {
        let at = u64::try_from(signing_time().seconds()).unwrap();
        let credentials = Credentials::new(
            draft::ACCESS_KEY,
            SECRET,
            self.token.clone(),
            None,
            "oracle",
        );
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        if self.is_presigned {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_mins(1));
        }
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("kms")
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(at))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let mut request = self.unsigned();
        let uri = request.uri().to_string();
        let headers: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        let signable = SignableRequest::new(
            &self.method,
            uri,
            headers.into_iter(),
            SignableBody::Bytes(&self.body),
        )
        .unwrap();
        let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request
    }
}

fn calls() -> impl Strategy<Value = Call> {
    let segment = "[A-Za-z0-9_~:@-]{1,8}(%2F|%20|%C3%A9)?[a-z]{0,3}";
    let path = prop::collection::vec(segment, 0..4);
    let slash = prop::sample::select(vec!["", "/", "//"]);
    let query = prop::collection::vec(("[A-Za-z &=+%é-]{1,6}", "[ -~é]{0,10}"), 0..4);
    let name = prop::sample::select(vec![
        "x-amz-target",
        "x-amz-meta-a",
        "content-type",
        "my-header",
    ]);
    let headers = prop::collection::btree_map(name, "[!-~]( {0,3}[!-~]){0,10}", 0..4);
    (
        prop::sample::select(vec!["GET", "PUT", "POST", "DELETE"]),
        (path, slash),
        query,
        headers,
        prop::collection::vec(any::<u8>(), 0..40),
        prop::option::of("[A-Za-z0-9/+=]{1,40}"),
        any::<bool>(),
    )
        .prop_map(
            |(method, (path, slash), query, headers, body, token, is_presigned)| Call {
                method: method.to_owned(),
                path: format!("/{}{slash}", path.join("/")),
                query,
                headers: headers
                    .into_iter()
                    .map(|(n, v)| (n.to_owned(), v))
                    .collect(),
                body,
                token,
                is_presigned,
            },
        )
}

/// One change to the request that its signature must notice.
fn change(request: &mut Request<Vec<u8>>, which: usize) {
    let uri = request.uri().clone();
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    match which % 6 {
        0 => request.body_mut().push(b' '),
        1 => *request.uri_mut() = format!("{path}x?{query}").parse().unwrap(),
        2 => *request.uri_mut() = format!("{path}?{query}&zz=1").parse().unwrap(),
        3 => *request.method_mut() = http::Method::PATCH,
        4 => drop(
            request
                .headers_mut()
                .insert("host", "other".parse().unwrap()),
        ),
        _ => {
            let name = http::HeaderName::from_static("x-amz-target");
            let value = "Other.Operation".parse().unwrap();
            drop(request.headers_mut().insert(name, value));
        }
    }
}

proptest! {
    #[test]
    fn what_the_sdk_signs_is_accepted_and_any_change_refused(call in calls(), which: usize) {
        let mut request = call.sign();
        // A listener sees origin form.
        let origin = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
        *request.uri_mut() = origin;
        prop_assert_eq!(verify_at(&request, SECRET, signing_time()), Ok(()));
        prop_assert_eq!(
            verify_at(&request, "other secret", signing_time()),
            Err(AuthError::Mismatch)
        );
        change(&mut request, which);
        prop_assert!(verify_at(&request, SECRET, signing_time()).is_err());
    }
}
