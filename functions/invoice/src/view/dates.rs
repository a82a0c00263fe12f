//! How a language writes civil days, and stretches of them.
//!
//! Invariant: a stretch says month and year once where both its ends have them in common.

use domain::Date;

/// The names of the months, from January on.
type Months = [&'static str; 12];

const EN: Months = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const EN_SHORT: Months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DE: Months = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];
const DE_SHORT: Months =
    ["Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."];
const FR: Months = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const FR_SHORT: Months =
    ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."];

/// How a language writes dates.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dates {
    /// `1 May 2026`.
    English,
    /// `1. Mai 2026`.
    German,
    /// `1er mai 2026`.
    French,
    /// `2026年5月1日`, with what stands between two days.
    Han(char),
}

impl Dates {
    /// A day with its month in full.
    pub(super) fn long(self, date: Date) -> String {
        self.written(date, (true, true), false)
    }

    /// First to last day: `1 – 31 May 2026`.
    pub(super) fn days(self, (first, last): (Date, Date)) -> String {
        let same_year = first.year() == last.year();
        let same_month = same_year && first.month() == last.month();
        if first == last {
            return self.long(last);
        }
        match self {
            Self::English | Self::German | Self::French => {
                let first = self.written(first, (!same_month, !same_year), true);
                format!("{first} – {}", self.written(last, (true, true), true))
            }
            // The year comes first: the last day leaves out what the first one has said.
            Self::Han(between) => {
                let last = self.written(last, (!same_month, !same_year), true);
                format!("{}{between}{last}", self.long(first))
            }
        }
    }

    /// The day, with month and year as asked for; `short` where names of months are.
    fn written(self, date: Date, (month, year): (bool, bool), short: bool) -> String {
        let day = match self {
            Self::English => date.day().to_string(),
            Self::German => format!("{}.", date.day()),
            Self::French if date.day() == 1 => "1er".to_owned(),
            Self::French => date.day().to_string(),
            Self::Han(_) => {
                let year = if year { format!("{}年", date.year()) } else { String::new() };
                let month = if month { format!("{}月", date.month()) } else { String::new() };
                return format!("{year}{month}{}日", date.day());
            }
        };
        let month = if month { format!(" {}", self.month(date, short)) } else { String::new() };
        let year = if year { format!(" {}", date.year()) } else { String::new() };
        format!("{day}{month}{year}")
    }

    fn month(self, date: Date, short: bool) -> &'static str {
        let names = match (self, short) {
            (Self::English, false) => &EN,
            (Self::English, true) => &EN_SHORT,
            (Self::German, false) => &DE,
            (Self::German, true) => &DE_SHORT,
            (Self::French, false) => &FR,
            (Self::French, true) => &FR_SHORT,
            (Self::Han(_), _) => return "",
        };
        usize::try_from(date.month() - 1).ok().and_then(|place| names.get(place)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use crate::view::language::Language;
    use domain::{Date, locale::Locale};
    use rstest::rstest;

    #[rstest]
    #[case::english(Locale::En, "2026-05-01", "1 May 2026")]
    #[case::english_long(Locale::En, "2026-09-21", "21 September 2026")]
    #[case::german(Locale::De, "2026-05-01", "1. Mai 2026")]
    #[case::german_long(Locale::De, "2026-03-31", "31. März 2026")]
    #[case::french_first(Locale::Fr, "2026-05-01", "1er mai 2026")]
    #[case::french(Locale::Fr, "2026-08-02", "2 août 2026")]
    #[case::japanese(Locale::Ja, "2026-05-01", "2026年5月1日")]
    #[case::chinese(Locale::Zh, "2026-12-31", "2026年12月31日")]
    fn a_date_is_written_out(#[case] locale: Locale, #[case] date: Date, #[case] expect: &str) {
        assert_eq!(Language::of(locale).dates.long(date), expect);
    }

    #[rstest]
    #[case::a_month(Locale::En, "2026-05-01", "2026-05-31", "1 – 31 May 2026")]
    #[case::a_quarter(Locale::En, "2026-04-01", "2026-06-30", "1 Apr – 30 Jun 2026")]
    #[case::over_new_year(Locale::En, "2025-12-15", "2026-01-14", "15 Dec 2025 – 14 Jan 2026")]
    #[case::a_day(Locale::En, "2026-05-01", "2026-05-01", "1 May 2026")]
    #[case::same_month_of_another_year(Locale::En, "2025-05-01", "2026-05-31", "1 May 2025 – 31 May 2026")]
    #[case::german_month(Locale::De, "2026-05-01", "2026-05-31", "1. – 31. Mai 2026")]
    #[case::german_quarter(Locale::De, "2026-04-01", "2026-06-30", "1. Apr. – 30. Juni 2026")]
    #[case::french_month(Locale::Fr, "2026-05-01", "2026-05-31", "1er – 31 mai 2026")]
    #[case::french_over_new_year(Locale::Fr, "2025-12-15", "2026-01-14", "15 déc. 2025 – 14 janv. 2026")]
    #[case::japanese_month(Locale::Ja, "2026-05-01", "2026-05-31", "2026年5月1日～31日")]
    #[case::japanese_quarter(Locale::Ja, "2026-04-01", "2026-06-30", "2026年4月1日～6月30日")]
    #[case::chinese_over_new_year(Locale::Zh, "2025-12-15", "2026-01-14", "2025年12月15日至2026年1月14日")]
    fn days_are_said_once(#[case] locale: Locale, #[case] first: Date, #[case] last: Date, #[case] expect: &str) {
        assert_eq!(Language::of(locale).dates.days((first, last)), expect);
    }
}
