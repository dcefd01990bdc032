//! The query string of presigned requests.

use http::Request;

use super::authorization::verify;

pub(crate) fn run(data: &[u8]) -> bool {
    let uri = [b"/?".as_slice(), data].concat();
    let request = Request::get(uri.as_slice()).header("host", "h").body(());
    request.is_ok_and(|request| verify(&request.into_parts().0))
}
