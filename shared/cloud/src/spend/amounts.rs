//! Amounts of what AWS bills, as whole numbers that add up, and their compact stored form.
//!
//! The stored form is frozen: the numbers in the order of [`Amounts::fields`], each as a LEB128 varint, zeros at the
//! end left out. A new amount joins at the end, so that old forms stay readable; an older version reads what it knows
//! of a newer form.

use std::ops::AddAssign;

/// How many amounts there are.
const FIELDS: usize = 14;
/// Bits of a varint's byte that carry the number; the highest says that there is more.
const VARINT_BITS: u32 = 7;

/// What was consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Usage events.
    pub events: u64,
    /// Messages that a function was given from its queue.
    pub messages: u64,
    /// DynamoDB write units.
    pub write_units: u64,
    /// DynamoDB read units, in halves: an eventually consistent read of up to 4 KiB is one half.
    pub read_half_units: u64,
    /// Published 64 KiB chunks.
    pub sns_chunks: u64,
    /// HTTP requests, one for each started 512 KiB.
    pub http_requests: u64,
    /// S3 requests that write or list.
    pub s3_puts: u64,
    /// S3 requests that read.
    pub s3_gets: u64,
    /// 64 KiB chunks of SQS requests.
    pub sqs_chunks: u64,
    /// DynamoDB requests.
    pub dynamo_requests: u64,
    /// SNS requests.
    pub sns_requests: u64,
    /// Lambda invocations.
    pub invocations: u64,
    /// Lambda milliseconds, each times the function's memory in MiB.
    pub lambda_mib_ms: u64,
    /// Bytes of log lines.
    pub log_bytes: u64,
}

impl Amounts {
    /// Every amount with its name in logs, in the order of the stored form.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, u64); FIELDS] {
        [
            ("events", self.events),
            ("messages", self.messages),
            ("writeUnits", self.write_units),
            ("readHalfUnits", self.read_half_units),
            ("snsChunks", self.sns_chunks),
            ("httpRequests", self.http_requests),
            ("s3Puts", self.s3_puts),
            ("s3Gets", self.s3_gets),
            ("sqsChunks", self.sqs_chunks),
            ("dynamoRequests", self.dynamo_requests),
            ("snsRequests", self.sns_requests),
            ("invocations", self.invocations),
            ("lambdaMibMs", self.lambda_mib_ms),
            ("logBytes", self.log_bytes),
        ]
    }

    /// The amounts that `lookup` has under their names in logs.
    #[must_use]
    pub fn named(lookup: impl Fn(&str) -> Option<u64>) -> Self {
        let mut amounts = Self::default();
        let names = amounts.fields().map(|(name, _)| name);
        for (name, amount) in names.into_iter().zip(amounts.fields_mut()) {
            *amount = lookup(name).unwrap_or(0);
        }
        amounts
    }

    /// The same amounts in the same order, to be changed.
    fn fields_mut(&mut self) -> [&mut u64; FIELDS] {
        [
            &mut self.events,
            &mut self.messages,
            &mut self.write_units,
            &mut self.read_half_units,
            &mut self.sns_chunks,
            &mut self.http_requests,
            &mut self.s3_puts,
            &mut self.s3_gets,
            &mut self.sqs_chunks,
            &mut self.dynamo_requests,
            &mut self.sns_requests,
            &mut self.invocations,
            &mut self.lambda_mib_ms,
            &mut self.log_bytes,
        ]
    }

    /// Whether nothing was consumed.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// The amounts without those of `earlier`, where more was consumed since.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        for (amount, (_, earlier)) in since.fields_mut().into_iter().zip(earlier.fields()) {
            *amount = amount.saturating_sub(earlier);
        }
        since
    }

    /// The stored form: a byte for each small amount, none for the zeros at the end.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let fields = self.fields().map(|(_, amount)| amount);
        let used = fields.iter().rposition(|amount| *amount > 0).map_or(0, |last| last + 1);
        let mut bytes = Vec::with_capacity(2 * used);
        for amount in &fields[..used] {
            let mut rest = *amount;
            while rest >> VARINT_BITS > 0 {
                bytes.push(low_bits(rest) | 1 << VARINT_BITS);
                rest >>= VARINT_BITS;
            }
            bytes.push(low_bits(rest));
        }
        bytes
    }

    /// Reads the stored form; `None` if it is none. Amounts beyond those that are known here are left out.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut amounts = Self::default();
        let mut rest = bytes;
        for amount in amounts.fields_mut() {
            if rest.is_empty() {
                break;
            }
            (*amount, rest) = varint(rest)?;
        }
        Some(amounts)
    }
}

impl AddAssign<&Self> for Amounts {
    fn add_assign(&mut self, more: &Self) {
        for (amount, (_, more)) in self.fields_mut().into_iter().zip(more.fields()) {
            *amount = amount.saturating_add(more);
        }
    }
}

impl AddAssign for Amounts {
    fn add_assign(&mut self, more: Self) {
        *self += &more;
    }
}

impl std::iter::Sum for Amounts {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |mut sum, more| {
            sum += &more;
            sum
        })
    }
}

fn low_bits(number: u64) -> u8 {
    u8::try_from(number & ((1 << VARINT_BITS) - 1)).unwrap_or(u8::MAX)
}

/// The first number of `bytes`, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = bytes.iter().position(|byte| byte >> VARINT_BITS == 0)? + 1;
    let (own, rest) = bytes.split_at(length);
    let mut number: u64 = 0;
    for byte in own.iter().rev() {
        let bits = u64::from(byte & ((1 << VARINT_BITS) - 1));
        number = number.checked_mul(1 << VARINT_BITS)?.checked_add(bits)?;
    }
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::nothing(Amounts::default(), &[])]
    #[case::one_event(Amounts { events: 1, messages: 1, ..Amounts::default() }, &[1, 1])]
    // 300 is 0b10_0101100: the low seven bits first, with more to come.
    #[case::two_bytes(Amounts { write_units: 300, ..Amounts::default() }, &[0, 0, 0xac, 0x02])]
    #[case::the_last(Amounts { log_bytes: 127, ..Amounts::default() }, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 127])]
    #[case::the_largest(
        Amounts { events: u64::MAX, ..Amounts::default() },
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
    )]
    fn amounts_have_one_stored_form(#[case] amounts: Amounts, #[case] bytes: &[u8]) {
        assert_eq!(amounts.encode(), bytes);
        assert_eq!(Amounts::decode(bytes), Some(amounts));
    }

    #[test]
    fn a_newer_form_is_read_as_far_as_it_is_known() {
        let mut bytes = [9; FIELDS + 3].to_vec();
        assert_eq!(Amounts::decode(&bytes).unwrap().log_bytes, 9);
        bytes.truncate(2);
        assert_eq!(Amounts::decode(&bytes), Some(Amounts { events: 9, messages: 9, ..Amounts::default() }));
    }

    #[rstest]
    #[case::cut_off(&[0x80])]
    #[case::too_large(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02])]
    #[case::endless(&[0xff; 40])]
    fn what_is_no_stored_form_is_refused(#[case] bytes: &[u8]) {
        assert_eq!(Amounts::decode(bytes), None);
    }

    #[test]
    fn amounts_add_up_field_by_field() {
        let mut sum = Amounts::default();
        let mut each = Amounts::default();
        for (at, amount) in (1..).zip(each.fields_mut()) {
            *amount = at;
        }
        sum += &each;
        sum += &each;
        let twice: Vec<u64> = sum.fields().map(|(_, amount)| amount).to_vec();
        assert_eq!(twice, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28]);
        assert_eq!(sum.since(&each), each);
        let logged = std::collections::BTreeMap::from(each.fields());
        assert_eq!(Amounts::named(|name| logged.get(name).copied()), each);
    }
}
