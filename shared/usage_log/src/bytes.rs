//! Bytes in and out: variable-length integers and length-prefixed texts, as the body and the counters are written.
//!
//! An integer takes seven bits a byte, the lowest first, with the high bit set on all but the last; a signed one is
//! folded first, so that small ones are short either way. Reading never trusts a length further than the bytes go.

/// Bytes that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored bytes are malformed at {at}")]
pub struct DecodeError {
    /// How many bytes from the end it was noticed.
    pub at: usize,
}

/// Appends `value`.
#[inline]
pub(crate) fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(0x80 | low_seven_bits(value));
        value >>= 7;
    }
    out.push(low_seven_bits(value));
}

#[inline]
fn low_seven_bits(value: u64) -> u8 {
    value.to_le_bytes()[0] & 0x7f
}

/// Appends a length or a position.
pub(crate) fn put_len(out: &mut Vec<u8>, value: usize) {
    put_u64(out, value as u64);
}

/// Appends `value`, folded.
#[inline]
pub(crate) fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Appends `value`, folded.
pub(crate) fn put_i128(out: &mut Vec<u8>, value: i128) {
    let mut folded = ((value << 1) ^ (value >> 127)).cast_unsigned();
    while folded >= 0x80 {
        out.push(0x80 | folded.to_le_bytes()[0]);
        folded >>= 7;
    }
    out.push(folded.to_le_bytes()[0]);
}

/// Appends `text` behind its length.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_len(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// An error at this place.
    pub(crate) fn malformed(&self) -> DecodeError {
        DecodeError { at: self.0.len() }
    }

    /// The next byte.
    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.0.split_first().ok_or(DecodeError { at: 0 })?;
        self.0 = rest;
        Ok(*first)
    }

    /// The next `count` bytes.
    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| self.malformed())?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next integer.
    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.malformed())
    }

    /// The next folded integer.
    #[inline]
    pub(crate) fn i64(&mut self) -> Result<i64, DecodeError> {
        let folded = self.u64()?;
        Ok((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    /// The next folded wide integer.
    pub(crate) fn i128(&mut self) -> Result<i128, DecodeError> {
        let mut folded = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            folded |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed());
            }
        }
        Err(self.malformed())
    }

    /// The next length of things that take at least one byte each.
    pub(crate) fn len(&mut self) -> Result<usize, DecodeError> {
        let length = self.index()?;
        if length <= self.0.len() { Ok(length) } else { Err(self.malformed()) }
    }

    /// The next integer that is written in eight bytes, the highest first.
    #[inline]
    pub(crate) fn u64_whole(&mut self) -> Result<u64, DecodeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(|| self.malformed())?;
        self.0 = rest;
        Ok(u64::from_be_bytes(*taken))
    }

    /// The next integer, as a position.
    #[inline]
    pub(crate) fn index(&mut self) -> Result<usize, DecodeError> {
        usize::try_from(self.u64()?).map_err(|_| self.malformed())
    }

    /// The next integer, as a position of which there are `count`.
    #[inline]
    pub(crate) fn position(&mut self, count: usize) -> Result<u32, DecodeError> {
        let position = self.index()?;
        if position >= count {
            return Err(self.malformed());
        }
        u32::try_from(position).map_err(|_| self.malformed())
    }

    /// The next text.
    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let length = self.len()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.malformed())
    }

    /// The next sixteen bytes.
    pub(crate) fn sixteen(&mut self) -> Result<[u8; 16], DecodeError> {
        let taken = self.take(16)?;
        taken.try_into().map_err(|_| self.malformed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_survive(a: u64, b: i64, c: i128) {
            let mut out = Vec::new();
            put_u64(&mut out, a);
            put_i64(&mut out, b);
            put_i128(&mut out, c);
            let mut reader = Reader(&out);
            prop_assert_eq!((reader.u64().unwrap(), reader.i64().unwrap(), reader.i128().unwrap()), (a, b, c));
            prop_assert!(reader.0.is_empty());
        }

        #[test]
        fn noise_is_refused_or_read_but_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut reader = Reader(&bytes);
            let _ = (reader.u64(), reader.i128(), reader.text(), reader.sixteen());
        }
    }

    #[test]
    fn small_integers_are_one_byte() {
        for (value, bytes) in [(0, 1), (-64, 1), (63, 1), (64, 2), (-65, 2), (i64::MIN, 10)] {
            let mut out = Vec::new();
            put_i64(&mut out, value);
            assert_eq!(out.len(), bytes, "{value}");
        }
    }
}
