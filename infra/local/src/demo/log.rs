//! An access log in Apache's combined format, plain or gzip, as the usage of seven tenants.
//!
//! The tenant is the first segment of the request path when that is one of six known ones, and `site` otherwise; query
//! strings are no part of the path. The log has no request ids: the line number is the event id.

use flate2::read::MultiGzDecoder;
use jiff::{Timestamp, fmt::strtime};
use std::{
    fs::File,
    io::{BufRead, BufReader, Error, Read},
    path::Path,
};

/// The tenants, in the order of the table.
pub const TENANTS: [&str; 7] = ["articles", "blog", "files", "images", "presentations", "projects", "site"];
/// Longest line that is read.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// What a gzip file begins with.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// One request of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Counted from 1.
    pub line: u64,
    /// Whose usage it is: an index into [`TENANTS`].
    pub tenant: usize,
    /// Address of the client.
    pub address: String,
    /// When it was made.
    pub at: Timestamp,
    /// Size of the answer; `-` is 0.
    pub bytes: u64,
}

/// The log that comes with the repository.
const SAMPLE: &[u8] = include_bytes!("../../../../tests/data/access.log.gz");

/// Reads the log at `path`, or the sample: requests in the order of lines, `None` for a line of another format.
///
/// # Errors
/// If the file cannot be opened or read.
pub fn read(path: Option<&Path>) -> Result<impl Iterator<Item = Result<Option<Request>, Error>>, Error> {
    let source: Box<dyn Read + Send> = match path {
        Some(path) => Box::new(File::open(path)?),
        None => Box::new(SAMPLE),
    };
    let mut bytes = BufReader::new(source);
    let gzip = bytes.fill_buf()?.starts_with(&GZIP_MAGIC);
    let text: Box<dyn Read + Send> = if gzip { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
    let mut lines = BufReader::new(text);
    let mut number = 0;
    Ok(std::iter::from_fn(move || {
        let mut line = Vec::new();
        match (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => {
                number += 1;
                Some(Ok(parse(number, String::from_utf8_lossy(&line).trim_end())))
            }
            Err(error) => Some(Err(error)),
        }
    }))
}

/// Reads `address identity user [time] "method path protocol" status bytes …`.
fn parse(line: u64, text: &str) -> Option<Request> {
    let (address, rest) = text.split_once(' ')?;
    let (_, rest) = rest.split_once('[')?;
    let (time, rest) = rest.split_once("] \"")?;
    let (request, rest) = split_quoted(rest)?;
    let mut figures = rest.split_whitespace();
    let (_status, bytes) = (figures.next()?, figures.next()?);
    let at = strtime::parse("%d/%b/%Y:%H:%M:%S %z", time).ok()?.to_timestamp().ok()?;
    let bytes = if bytes == "-" { 0 } else { bytes.parse().ok()? };
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    Some(Request { line, tenant: tenant(path), address: address.to_owned(), at, bytes })
}

/// Splits at the quote that ends a request; one behind a backslash is part of it.
fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return Some((&text[..at], &text[at + 1..])),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

fn tenant(path: &str) -> usize {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let segment = path.strip_prefix('/').unwrap_or(path).split('/').next().unwrap_or_default();
    let site = TENANTS.len() - 1;
    TENANTS[..site].iter().position(|tenant| *tenant == segment).unwrap_or(site)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(request: &str, bytes: &str) -> String {
        format!("83.149.9.216 - - [17/May/2015:10:05:03 +0200] \"{request}\" 200 {bytes} \"-\" \"agent\"")
    }

    #[test]
    fn a_line_is_a_request() {
        let expect = Request {
            line: 7,
            tenant: 1,
            address: "83.149.9.216".to_owned(),
            at: "2015-05-17T08:05:03Z".parse().unwrap(),
            bytes: 203_023,
        };
        assert_eq!(parse(7, &line("GET /blog/a.html?b=/files/ HTTP/1.1", "203023")), Some(expect));
    }

    #[test]
    fn the_first_segment_is_the_tenant() {
        let rows = [
            ("/blog/a", "blog"),
            ("/blog", "blog"),
            ("/blog?x=1", "blog"),
            ("/blogs/a", "site"),
            ("/", "site"),
            ("/?flav=rss20", "site"),
            ("/style2.css", "site"),
            ("//blog/a", "site"),
            ("", "site"),
        ];
        for (path, expect) in rows {
            assert_eq!(TENANTS[tenant(path)], expect, "{path}");
        }
    }

    #[test]
    fn no_bytes_are_zero_and_an_odd_request_is_the_sites() {
        let request = parse(1, &line(r#"GET /files/a\"b HTTP/1.1"#, "-")).unwrap();
        assert_eq!((request.tenant, request.bytes), (2, 0));
        assert_eq!(parse(1, &line("-", "-")).unwrap().tenant, 6);
    }

    #[test]
    fn what_is_no_request_is_none() {
        for text in [
            "",
            "hello",
            "1.2.3.4 - - [yesterday] \"GET / HTTP/1.1\" 200 1",
            "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /",
        ] {
            assert_eq!(parse(1, text), None, "{text}");
        }
    }
}
