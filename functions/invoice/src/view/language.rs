//! The languages of an invoice: each has its texts, its figures and its dates.

use super::{
    dates::Dates,
    figures::Figures,
    texts::{Texts, de, en, fr, ja, zh},
};
use domain::locale::Locale;

/// All that differs from one language to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Language {
    /// How it writes figures.
    pub(super) figures: Figures,
    /// How it writes dates.
    pub(super) dates: Dates,
    /// What it says.
    pub(super) texts: &'static Texts,
}

impl Language {
    /// The language of a locale.
    pub(super) const fn of(locale: Locale) -> Self {
        match locale {
            Locale::En => Self {
                figures: Figures { group: ',', point: '.', code_first: true, percent: " %" },
                dates: Dates::English,
                texts: &en::TEXTS,
            },
            Locale::De => Self {
                figures: Figures { group: '.', point: ',', code_first: false, percent: "\u{a0}%" },
                dates: Dates::German,
                texts: &de::TEXTS,
            },
            Locale::Fr => Self {
                figures: Figures { group: '\u{202f}', point: ',', code_first: false, percent: "\u{a0}%" },
                dates: Dates::French,
                texts: &fr::TEXTS,
            },
            Locale::Ja => Self { figures: EAST_ASIAN, dates: Dates::Han('～'), texts: &ja::TEXTS },
            Locale::Zh => Self { figures: EAST_ASIAN, dates: Dates::Han('至'), texts: &zh::TEXTS },
        }
    }
}

const EAST_ASIAN: Figures = Figures { group: ',', point: '.', code_first: true, percent: "%" };
