//! The `aws-chunked` framing, in which the SDK sends a body whose checksum follows it.

use std::collections::BTreeMap;

/// Most trailing headers of one body.
const TRAILERS_MAX: usize = 16;

/// A body without its framing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) body: Vec<u8>,
    /// Headers that followed it, names in lower case.
    pub(super) trailers: BTreeMap<String, String>,
}

/// Takes the framing off: `size[;signature]CRLF data CRLF`, ended by a chunk of size 0 and trailing headers.
/// `None` if the framing is broken.
pub(super) fn decode(mut framed: &[u8]) -> Option<Decoded> {
    let mut body = Vec::with_capacity(framed.len());
    loop {
        let head = std::str::from_utf8(line(&mut framed)?).ok()?;
        let size = usize::from_str_radix(head.split(';').next()?, 16).ok()?;
        if size == 0 {
            break;
        }
        body.extend_from_slice(framed.get(..size)?);
        framed = framed.get(size..)?.strip_prefix(b"\r\n")?;
    }
    let mut trailers = BTreeMap::new();
    for _ in 0..TRAILERS_MAX {
        match line(&mut framed) {
            None | Some([]) => return Some(Decoded { body, trailers }),
            Some(trailer) => {
                let (name, value) = std::str::from_utf8(trailer).ok()?.split_once(':')?;
                trailers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
            }
        }
    }
    None
}

fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let (line, tail) = rest.split_at(end);
    *rest = &tail[2..];
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_comes_off_and_trailers_are_kept() {
        let checksum = BTreeMap::from([("x-amz-checksum-crc32".to_owned(), "sOO8/Q==".to_owned())]);
        let rows: [(&str, &str, BTreeMap<String, String>); 4] = [
            ("3\r\nabc\r\n0\r\nX-Amz-Checksum-Crc32: sOO8/Q==\r\n\r\n", "abc", checksum),
            ("5;chunk-signature=00\r\nab\r\nc\r\n1\r\nd\r\n0;chunk-signature=00\r\n\r\n", "ab\r\ncd", BTreeMap::new()),
            ("0\r\n\r\n", "", BTreeMap::new()),
            ("A\r\n0123456789\r\n0\r\n", "0123456789", BTreeMap::new()),
        ];
        for (framed, body, trailers) in rows {
            let expected = Decoded { body: body.as_bytes().to_vec(), trailers };
            assert_eq!(decode(framed.as_bytes()), Some(expected), "{framed}");
        }
    }

    #[test]
    fn broken_framing_is_refused() {
        for framed in
            ["", "abc", "3\r\nab", "3\r\nabcd\r\n0\r\n\r\n", "z\r\nabc\r\n0\r\n\r\n", "1\r\na\r\n0\r\nno colon\r\n\r\n"]
        {
            assert_eq!(decode(framed.as_bytes()), None, "{framed:?}");
        }
    }
}
