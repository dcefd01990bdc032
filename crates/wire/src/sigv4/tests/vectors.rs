//! The cases of `testdata/sigv4`, signed by botocore.

use std::fs;
use std::path::Path;

use super::*;

/// Reads a request line, headers and a body; lines end in a single line feed.
fn read_request(bytes: &[u8]) -> Request<Vec<u8>> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.lines();
    let line: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let mut request = Request::builder().method(line[0]).uri(line[1]);
    for header in lines {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(bytes[end + 2..].to_vec()).unwrap()
}

#[test]
fn botocore_and_we_agree_on_every_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sigv4");
    let mut count = 0;
    for entry in fs::read_dir(root).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let request = read_request(&fs::read(folder.join("request.http")).unwrap());
        let expected = fs::read_to_string(folder.join("canonical.txt")).unwrap();
        let (parts, body) = request.clone().into_parts();
        let unverified = Unverified::from_request(&parts).unwrap();
        let mut text = Vec::new();
        canonical::write(&unverified, &PayloadHash::of(&body), &mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            expected,
            "{}",
            folder.display()
        );
        accepted(&request);
        count += 1;
    }
    assert!(count >= 20, "only {count} cases were found");
}
