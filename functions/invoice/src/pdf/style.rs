//! How an invoice looks: the page's geometry, its type sizes and its colours.
//!
//! Invariant: lengths are integers in thousandths of a point, so that layout is exact and the same on every machine;
//! only `draw` turns them into the floats that a PDF holds.

use super::document::Colour;
use super::fonts::Weight;

/// A distance in thousandths of a point. Downwards and to the right are positive.
pub(super) type Length = i64;

/// Thousandths in one: of a point, and of an em.
pub(super) const THOUSAND: i64 = 1_000;

/// A4, 210 by 297 mm.
pub(super) const PAGE_WIDTH: Length = 595_276;
pub(super) const PAGE_HEIGHT: Length = 841_890;

/// White space at both sides.
pub(super) const MARGIN_SIDE: Length = 50_000;
/// White space above the first text.
pub(super) const MARGIN_TOP: Length = 54_000;
/// White space below the footer's text.
pub(super) const MARGIN_BOTTOM: Length = 32_000;
/// Width of everything that is printed between the margins.
pub(super) const CONTENT_WIDTH: Length = PAGE_WIDTH - 2 * MARGIN_SIDE;
/// The right edge of everything that is printed.
pub(super) const CONTENT_RIGHT: Length = PAGE_WIDTH - MARGIN_SIDE;

/// Height of the accent band along the page's upper edge.
pub(super) const BAND_HEIGHT: Length = 6_000;
/// Thickness of a line between rows.
pub(super) const HAIRLINE: Length = 500;
/// Thickness of a line that closes a block.
pub(super) const RULE: Length = 900;

/// Near-black of figures and names.
pub(super) const INK: Colour = Colour { red: 26, green: 31, blue: 54 };
/// Grey of labels and small print; 5.2 : 1 on white.
pub(super) const MUTED: Colour = Colour { red: 99, green: 109, blue: 129 };
/// Pale grey of rules.
pub(super) const PALE: Colour = Colour { red: 222, green: 227, blue: 234 };

/// How a piece of text is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextStyle {
    pub(super) size: Length,
    pub(super) line_height: Length,
    pub(super) weight: Weight,
    /// Whether digits have one width, so that figures stand in columns.
    pub(super) tabular: bool,
    pub(super) colour: Colour,
}

/// Height of the text face's capitals, in thousandths of an em. They stand on the middle of a line.
pub(super) const CAPITALS_HEIGHT: i64 = 728;

impl TextStyle {
    const fn regular(size: Length, line_height: Length, colour: Colour) -> Self {
        Self { size, line_height, weight: Weight::Regular, tabular: false, colour }
    }

    const fn semibold(size: Length, line_height: Length, colour: Colour) -> Self {
        Self { size, line_height, weight: Weight::SemiBold, tabular: false, colour }
    }

    const fn figures(self) -> Self {
        Self { tabular: true, ..self }
    }

    pub(super) const fn coloured(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    /// The distance from the top of a line to its baseline.
    pub(super) const fn baseline(self) -> Length {
        (self.line_height + self.size * CAPITALS_HEIGHT / THOUSAND) / 2
    }

    /// The length of a width in thousandths of an em.
    pub(super) const fn length(self, width_em: i64) -> Length {
        width_em * self.size / THOUSAND
    }
}

pub(super) const TITLE: TextStyle = TextStyle::semibold(24_000, 30_000, INK);
pub(super) const STAMP: TextStyle = TextStyle::semibold(8_500, 12_000, INK);
pub(super) const WORD_MARK: TextStyle = TextStyle::semibold(12_000, 16_000, INK);
pub(super) const LABEL: TextStyle = TextStyle::regular(8_000, 13_000, MUTED);
pub(super) const VALUE: TextStyle = TextStyle::regular(9_000, 13_000, INK);
pub(super) const PARTY_NAME: TextStyle = TextStyle::semibold(10_000, 15_000, INK);
pub(super) const PARTY_LINE: TextStyle = TextStyle::regular(9_000, 13_500, INK);
pub(super) const HEADLINE: TextStyle = TextStyle::semibold(21_000, 27_000, INK).figures();
pub(super) const HEADLINE_CAPTION: TextStyle = TextStyle::regular(10_500, 15_000, MUTED);
pub(super) const HEADING: TextStyle = TextStyle::regular(8_000, 11_000, MUTED);
pub(super) const CELL: TextStyle = TextStyle::regular(9_000, 13_000, INK);
pub(super) const CELL_FIGURES: TextStyle = CELL.figures();
pub(super) const DETAIL: TextStyle = TextStyle::regular(8_000, 11_500, MUTED);
pub(super) const TIER: TextStyle = TextStyle::regular(8_000, 12_500, MUTED);
pub(super) const TIER_FIGURES: TextStyle = TIER.figures();
pub(super) const TOTAL: TextStyle = TextStyle::regular(9_000, 13_000, INK);
pub(super) const TOTAL_FIGURES: TextStyle = TOTAL.figures();
pub(super) const STRONG: TextStyle = TextStyle::semibold(11_000, 16_000, INK);
pub(super) const STRONG_FIGURES: TextStyle = STRONG.figures();
pub(super) const NOTE: TextStyle = TextStyle::regular(8_000, 12_000, MUTED);
pub(super) const FOOTER: TextStyle = TextStyle::regular(7_500, 10_500, MUTED);

/// How bright a colour may be and still be read on white, in thousandths: at least 4.5 : 1.
const READABLE_BRIGHTNESS_MAX: u32 = 380;
/// Steps in which a colour is darkened until it can be read; eight halve it more than twice.
const DARKENING_STEPS_MAX: u32 = 16;

/// The colour itself, or the same hue darkened until text in it can be read on white.
pub(super) fn readable(colour: Colour) -> Colour {
    let mut readable = colour;
    for _ in 0..DARKENING_STEPS_MAX {
        if brightness(readable) <= READABLE_BRIGHTNESS_MAX {
            break;
        }
        readable = Colour {
            red: portion(readable.red, 9, 10),
            green: portion(readable.green, 9, 10),
            blue: portion(readable.blue, 9, 10),
        };
    }
    readable
}

/// The colour thinned with white to an eighth: the ground of the badge.
pub(super) fn tint(colour: Colour) -> Colour {
    let thin = |channel: u8| u8::MAX - portion(u8::MAX - channel, 1, 8);
    Colour { red: thin(colour.red), green: thin(colour.green), blue: thin(colour.blue) }
}

/// Perceived brightness from 0 to 1,000, by the weights of ITU-R BT.601.
fn brightness(colour: Colour) -> u32 {
    let weighted = 299 * u32::from(colour.red) + 587 * u32::from(colour.green) + 114 * u32::from(colour.blue);
    weighted / u32::from(u8::MAX)
}

fn portion(channel: u8, numerator: u16, denominator: u16) -> u8 {
    u8::try_from(u16::from(channel) * numerator / denominator).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_accents_are_darkened_until_they_can_be_read() {
        let cases = [
            ("black stays", (0, 0, 0), (0, 0, 0)),
            ("a readable indigo stays", (79, 70, 229), (79, 70, 229)),
            // Seven steps: 255 229 206 185 166 149 134 120 and 221 198 178 160 144 129 116 104.
            ("yellow becomes olive", (255, 221, 0), (120, 104, 0)),
        ];
        for (name, (red, green, blue), expected) in cases {
            let colour = readable(Colour { red, green, blue });
            assert_eq!((colour.red, colour.green, colour.blue), expected, "{name}");
        }
    }

    #[test]
    fn a_tint_is_an_eighth_of_the_colour() {
        assert_eq!(tint(Colour { red: 255, green: 15, blue: 95 }), Colour { red: 255, green: 225, blue: 235 });
    }
}
