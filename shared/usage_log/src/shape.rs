//! The shape of an event: all that many events of one sender have in common, kept once, so that a row is only what
//! differs.
//!
//! A shape is the source, the type, whose time it is, and the skeleton of the data: its JSON text with a mark in the place
//! of each number and each text. Skeleton and values give the text back byte by byte, so that nothing of what was
//! sent is lost and a new meter may read any of it later.

use crate::identity;
use domain::usage::{
    Path, Scalar, TimeBasis,
    data::PATH_DEPTH_MAX,
    scalar::{self, MANTISSA_DIGITS_MAX},
};

/// Marks a plain number; the next character is `0` plus its scale.
pub(crate) const NUMBER: u8 = 1;
/// Marks a text without escapes; the mark stands for its quotes too.
pub(crate) const TEXT: u8 = 2;
/// Marks any other value that is kept as JSON: an array, a text with escapes, `1e3`, an object that lies too deep.
pub(crate) const JSON: u8 = 3;

/// What many events have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The system that reports.
    pub source: Box<str>,
    /// What happened.
    pub event_type: Box<str>,
    /// Whose time it is.
    pub time_basis: TimeBasis,
    /// A digest of the source: half of what an event is known by.
    pub(crate) origin: [u8; 16],
    /// A digest of all but the source: half of what tells a repeat from a conflict.
    pub(crate) content: u64,
    skeleton: Box<str>,
    columns: Vec<Column>,
    /// Where the skeleton goes on after the mark of each column, and where it begins.
    stretches: Vec<(usize, usize)>,
    members: Vec<Member>,
}

/// A member of the data or of an object in it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    /// Of which object it is one: the position of the member that holds it, or none at the top.
    of: Option<usize>,
    name: Box<str>,
    place: Place,
}

/// What kind of values a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Plain numbers with so many digits after the point.
    Number(u8),
    /// Texts without escapes.
    Text,
    /// JSON texts.
    Json,
}

/// Where the value of a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a column, by position.
    Column(usize),
    /// In the skeleton.
    Boolean(bool),
    /// Nowhere that a meter reads: `null`, or an object.
    Nowhere,
}

/// The value of one column of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// The digits of a plain number.
    Number(i64),
    /// A text, or a JSON text.
    Text(&'a str),
}

/// A member that stands twice in one object, of which readers may see either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateMember(pub String);

impl Shape {
    /// The shape with this skeleton, which [`crate::split::split`] has made; `None` if it has not.
    pub(crate) fn new(source: &str, event_type: &str, time_basis: TimeBasis, skeleton: &str) -> Option<Self> {
        let mut walk = Walk { skeleton, at: 0, copied: 0, columns: vec![], stretches: vec![], members: vec![] };
        walk.token(b'{')?;
        walk.object(None, 0)?;
        walk.blank();
        walk.stretches.push((walk.copied, skeleton.len()));
        (walk.at == skeleton.len()).then(|| Self {
            source: source.into(),
            event_type: event_type.into(),
            time_basis,
            origin: domain::usage::event::digest(&[source]),
            content: identity::shape_content(event_type, time_basis, skeleton),
            skeleton: skeleton.into(),
            columns: walk.columns,
            stretches: walk.stretches,
            members: walk.members,
        })
    }

    pub(crate) fn skeleton(&self) -> &str {
        &self.skeleton
    }

    #[inline]
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns, each with the stretch of the skeleton before it.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = (&str, Column)> {
        let stretches = self.stretches.iter().map(|(start, end)| &self.skeleton[*start..*end]);
        stretches.zip(self.columns.iter().copied())
    }

    /// The stretch of the skeleton after the last column.
    pub(crate) fn last_stretch(&self) -> &str {
        self.stretches.last().map_or("", |(start, end)| &self.skeleton[*start..*end])
    }

    /// Where the member at `path` is. Of several with one name the last counts, as JSON readers do.
    pub(crate) fn place(&self, path: &Path) -> Place {
        let path = path.to_string();
        let (mut of, mut place) = (None, Place::Nowhere);
        // The names in a path have no points.
        for step in path.split('.').skip(1) {
            let found = self.members.iter().rposition(|member| member.of == of && *member.name == *step);
            let Some(found) = found else { return Place::Nowhere };
            (of, place) = (Some(found), self.members[found].place);
        }
        place
    }

    /// Refuses data in which one object has two members of one name.
    pub fn check_members(&self) -> Result<(), DuplicateMember> {
        let mut sorted: Vec<&Member> = self.members.iter().collect();
        sorted.sort_by_key(|member| (member.of, &member.name));
        let twice = sorted.windows(2).find(|pair| pair[0].of == pair[1].of && pair[0].name == pair[1].name);
        twice.map_or(Ok(()), |pair| Err(DuplicateMember(self.path(pair[0]))))
    }

    fn path(&self, member: &Member) -> String {
        let of = member.of.map(|of| self.path(&self.members[of]) + "/");
        of.unwrap_or_default() + &member.name
    }

    /// Writes the data with these values, just as it was sent.
    pub(crate) fn write<'v>(&self, out: &mut String, values: impl IntoIterator<Item = Found<'v>>) {
        for ((before, column), value) in self.stretches().zip(values) {
            out.push_str(before);
            match (column, value) {
                (Column::Number(scale), Found::Number(digits)) => scalar::write_number(out, digits, scale),
                (Column::Text, Found::Text(text)) => {
                    out.push('"');
                    out.push_str(text);
                    out.push('"');
                }
                (Column::Json, Found::Text(json)) => out.push_str(json),
                // The values of a column are of its kind.
                (Column::Number(_), Found::Text(_)) | (Column::Text | Column::Json, Found::Number(_)) => {}
            }
        }
        out.push_str(self.last_stretch());
    }
}

/// Finds columns and members in a skeleton.
struct Walk<'a> {
    skeleton: &'a str,
    at: usize,
    /// Where the skeleton goes on after the last mark.
    copied: usize,
    columns: Vec<Column>,
    stretches: Vec<(usize, usize)>,
    members: Vec<Member>,
}

impl Walk<'_> {
    fn peek(&self) -> Option<u8> {
        self.skeleton.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Passes `token` and the blanks before it.
    fn token(&mut self, token: u8) -> Option<()> {
        self.blank();
        (self.next()? == token).then_some(())
    }

    /// Walks through what follows the brace of an object: the data, or the value of the member at `of`.
    fn object(&mut self, of: Option<usize>, depth: usize) -> Option<()> {
        self.blank();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.token(b'"')?;
            let name = self.name()?;
            self.token(b':')?;
            self.blank();
            self.value(Member { of, name, place: Place::Nowhere }, depth)?;
            self.blank();
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn name(&mut self) -> Option<Box<str>> {
        let start = self.at;
        let mut escapes = false;
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => {
                    escapes = true;
                    self.next()?;
                }
                // No control character stands in JSON: it would be a mark.
                0..b' ' => return None,
                _ => {}
            }
        }
        let text = self.skeleton.get(start..self.at - 1)?;
        // A name that has no meaning, such as half a pair of surrogates, is no step of any path.
        let plain = if escapes { domain::usage::data::unescaped(text) } else { None };
        Some(plain.map_or_else(|| text.into(), Into::into))
    }

    fn value(&mut self, mut member: Member, depth: usize) -> Option<()> {
        let start = self.at;
        let column = match self.next()? {
            b'{' if depth + 1 < PATH_DEPTH_MAX => {
                self.members.push(member);
                return self.object(Some(self.members.len() - 1), depth + 1);
            }
            word @ (b't' | b'f' | b'n') => {
                let words = ["true", "false", "null"];
                self.at += words.iter().find(|word| self.skeleton[start..].starts_with(**word))?.len() - 1;
                if word != b'n' {
                    member.place = Place::Boolean(word == b't');
                }
                self.members.push(member);
                return Some(());
            }
            NUMBER => Column::Number(
                self.next()?.checked_sub(b'0').filter(|scale| usize::from(*scale) < MANTISSA_DIGITS_MAX)?,
            ),
            TEXT => Column::Text,
            JSON => Column::Json,
            _ => return None,
        };
        member.place = Place::Column(self.columns.len());
        self.columns.push(column);
        self.stretches.push((self.copied, start));
        self.copied = self.at;
        self.members.push(member);
        Some(())
    }
}

/// What a meter reads of a JSON text: a number as it is, a text without its escapes, and nothing of an array.
pub(crate) fn scalar_of_json(json: &str) -> Option<Scalar<'_>> {
    match json.as_bytes().first()? {
        b'-' | b'0'..=b'9' => Some(Scalar::OddNumber(json)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
