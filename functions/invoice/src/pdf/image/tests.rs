//! Small images, whole and broken in every place.

use super::*;
use flate2::{Compression, Crc, write::ZlibEncoder};
use proptest::prelude::*;
use rstest::rstest;
use std::io::Write;

/// A PNG of these chunks, each with its checksum.
fn png_of(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = png::SIGNATURE.to_vec();
    for (kind, data) in chunks {
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        let mut crc = Crc::new();
        for part in [kind.as_slice(), data] {
            bytes.extend(part);
            crc.update(part);
        }
        bytes.extend(crc.sum().to_be_bytes());
    }
    bytes
}

/// The head of a PNG: its size, then depth, colour, and compression, filter, interlace.
fn head(width: u32, height: u32, kind: [u8; 5]) -> Vec<u8> {
    [width.to_be_bytes().as_slice(), &height.to_be_bytes(), &kind].concat()
}

fn packed(rows: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(rows).unwrap();
    encoder.finish().unwrap()
}

fn plain(width: u32, height: u32, kind: [u8; 5], rows: &[u8]) -> Vec<u8> {
    png_of(&[(b"IHDR", head(width, height, kind)), (b"IDAT", packed(rows)), (b"IEND", vec![])])
}

/// Two by two grey pixels.
fn small_png() -> Vec<u8> {
    plain(2, 2, [8, 0, 0, 0, 0], &[0, 16, 32, 0, 48, 64])
}

/// A part of a JPEG behind its mark.
fn part(mark: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, mark], length.as_slice(), data].concat()
}

/// A frame of `components` with 8 bits, 300 wide and 100 high.
fn frame(mark: u8, precision: u8, components: u8) -> Vec<u8> {
    let mut data = vec![precision, 0, 100, 1, 44, components];
    data.extend(vec![0; 3 * usize::from(components)]);
    part(mark, &data)
}

/// A scan with a quoted byte and a restart among its pixels.
fn scan() -> Vec<u8> {
    [part(0xDA, &[1, 0, 0, 0, 63, 0]), vec![1, 2, 0xFF, 0x00, 3, 0xFF, 0xD0, 4]].concat()
}

fn jpeg_of(parts: &[Vec<u8>]) -> Vec<u8> {
    [vec![0xFF, 0xD8], parts.concat(), vec![0xFF, 0xD9]].concat()
}

fn small_jpeg() -> Vec<u8> {
    jpeg_of(&[part(0xE0, b"JFIF\0"), part(0xDB, &[0; 65]), frame(0xC0, 8, 3), part(0xC4, &[0; 20]), scan()])
}

/// A grey PNG, wide or high, for tests of the page.
pub(in crate::pdf) fn logo(width: u32, height: u32) -> Image {
    let row = [vec![0], vec![128; usize::try_from(width).unwrap()]].concat();
    Image::read(&plain(width, height, [8, 0, 0, 0, 0], &row.repeat(usize::try_from(height).unwrap()))).unwrap()
}

/// The same as a JPEG, whose pixels nothing looks at.
pub(in crate::pdf) fn photograph() -> Image {
    Image::read(&small_jpeg()).unwrap()
}

const BLACK_AND_RED: [u8; 6] = [0, 0, 0, 255, 0, 0];

#[rstest]
#[case::grey(small_png(), (2, 2), Space::Grey, Encoding::Png(8))]
// Nine pixels of one bit are two bytes.
#[case::bits(plain(9, 1, [1, 0, 0, 0, 0], &[0, 0xFF, 0x80]), (9, 1), Space::Grey, Encoding::Png(1))]
#[case::rgb(plain(1, 1, [8, 2, 0, 0, 0], &[4, 1, 2, 3]), (1, 1), Space::Rgb, Encoding::Png(8))]
#[case::deep(plain(1, 1, [16, 2, 0, 0, 0], &[0; 7]), (1, 1), Space::Rgb, Encoding::Png(16))]
#[case::palette(
    png_of(&[
        (b"IHDR", head(3, 1, [4, 3, 0, 0, 0])), (b"gAMA", vec![0; 4]), (b"PLTE", BLACK_AND_RED.into()),
        (b"IDAT", packed(&[0, 0x01, 0x10])), (b"IEND", vec![]),
    ]),
    (3, 1), Space::Palette(BLACK_AND_RED.into()), Encoding::Png(4)
)]
#[case::baseline(small_jpeg(), (300, 100), Space::Rgb, Encoding::Jpeg)]
#[case::progressive(jpeg_of(&[frame(0xC2, 8, 1), scan(), scan()]), (300, 100), Space::Grey, Encoding::Jpeg)]
fn a_whole_image_is_taken(
    #[case] bytes: Vec<u8>,
    #[case] size: (u32, u32),
    #[case] space: Space,
    #[case] encoding: Encoding,
) {
    let image = Image::read(&bytes).unwrap();
    assert_eq!(((image.width, image.height), image.space, image.encoding), (size, space, encoding));
}

#[test]
fn pixels_are_passed_on_as_they_are() {
    assert_eq!(Image::read(&small_png()).unwrap().bytes, packed(&[0, 16, 32, 0, 48, 64]));
    let (rows, whole) = ([0, 7, 8, 9], small_jpeg());
    let compressed = packed(&rows);
    let (first, second) = compressed.split_at(5);
    let split = [
        (b"IHDR", head(3, 1, [8, 0, 0, 0, 0])),
        (b"IDAT", first.to_vec()),
        (b"IDAT", second.to_vec()),
        (b"IEND", vec![]),
    ];
    assert_eq!(Image::read(&png_of(&split)).unwrap().bytes, compressed);
    let with_more = [whole.as_slice(), b"what a camera adds"].concat();
    assert_eq!(Image::read(&with_more).unwrap().bytes, whole);
}

fn refused(bytes: &[u8]) -> String {
    Image::read(bytes).unwrap_err().to_string()
}

#[rstest]
#[case::nothing(vec![], "the image is neither a JPEG nor a PNG")]
#[case::a_gif(b"GIF89a".to_vec(), "the image is neither a JPEG nor a PNG")]
#[case::large(vec![0; IMAGE_BYTES_MAX + 1], "the image has 262145 bytes: at most 262144 are printed")]
#[case::no_pixels(plain(0, 2, [8, 0, 0, 0, 0], &[]), "the image has 0 by 2 pixels: it must have some, and at most 1000000")]
#[case::many_pixels(
    plain(u32::MAX, u32::MAX, [8, 0, 0, 0, 0], &[]),
    "the image has 4294967295 by 4294967295 pixels: it must have some, and at most 1000000"
)]
#[case::transparent(plain(1, 1, [8, 6, 0, 0, 0], &[0; 5]), "the image is transparent: save it on white")]
#[case::transparent_colour(
    png_of(&[(b"IHDR", head(1, 1, [8, 0, 0, 0, 0])), (b"tRNS", vec![0, 0])]),
    "the image is transparent: save it on white"
)]
#[case::interlaced(plain(1, 1, [8, 0, 0, 0, 1], &[0, 0]), "the image is interlaced: save it without")]
#[case::no_kind(plain(1, 1, [8, 1, 0, 0, 0], &[0, 0]), "the image is broken: its kind is none that PNG knows")]
#[case::no_packing(
    plain(1, 1, [8, 0, 1, 0, 0], &[0, 0]), "the image is broken: it is packed in a way that PNG does not know"
)]
#[case::no_palette(plain(1, 1, [8, 3, 0, 0, 0], &[0, 0]), "the image is broken: its palette is missing or wrong")]
#[case::half_a_colour(
    png_of(&[
        (b"IHDR", head(1, 1, [8, 3, 0, 0, 0])), (b"PLTE", vec![0; 4]), (b"IDAT", packed(&[0, 0])), (b"IEND", vec![]),
    ]),
    "the image is broken: its palette is missing or wrong"
)]
#[case::no_head(png_of(&[(b"IDAT", vec![])]), "the image is broken: its head is missing")]
#[case::short_head(png_of(&[(b"IHDR", vec![0; 12])]), "the image is broken: its head is too short")]
#[case::unknown_chunk(
    png_of(&[(b"IHDR", head(1, 1, [8, 0, 0, 0, 0])), (b"ABCD", vec![])]), "the image has parts that PNG does not know"
)]
#[case::few_rows(
    plain(2, 3, [8, 0, 0, 0, 0], &[0; 6]), "the image is broken: its pixels are not those that its head promises"
)]
#[case::many_rows(
    plain(2, 1, [8, 0, 0, 0, 0], &[0; 6]), "the image is broken: its pixels are not those that its head promises"
)]
#[case::no_filter(
    plain(1, 2, [8, 0, 0, 0, 0], &[0, 9, 5, 9]), "the image is broken: its pixels are not those that its head promises"
)]
#[case::cmyk(jpeg_of(&[frame(0xC0, 8, 4), scan()]), "the image is in CMYK: save it in RGB")]
#[case::two_colours(jpeg_of(&[frame(0xC0, 8, 2), scan()]), "the image is broken: it has a wrong number of colours")]
#[case::twelve_bits(jpeg_of(&[frame(0xC1, 12, 3), scan()]), "the image has more than 8 bits a colour")]
#[case::arithmetic(jpeg_of(&[frame(0xC9, 8, 3)]), "the image is a lossless, hierarchical or arithmetic JPEG")]
#[case::two_frames(jpeg_of(&[frame(0xC0, 8, 1), frame(0xC0, 8, 1)]), "the image is broken: it has two frames")]
#[case::scan_first(jpeg_of(&[scan(), frame(0xC0, 8, 1)]), "the image is broken: its pixels come before its size")]
#[case::no_scan(jpeg_of(&[frame(0xC0, 8, 1)]), "the image is broken: it has no pixels")]
#[case::nothing_between(jpeg_of(&[]), "the image is broken: it has no pixels")]
#[case::wrong_mark(jpeg_of(&[part(0x02, &[])]), "the image is broken: it has a mark in a wrong place")]
#[case::loose_bytes(jpeg_of(&[part(0xE0, &[]), vec![7]]), "the image is broken: it has bytes between its parts")]
fn what_cannot_be_printed_is_refused_with_its_reason(#[case] bytes: Vec<u8>, #[case] reason: &str) {
    assert_eq!(refused(&bytes), reason);
}

/// However early it ends, and whichever byte of a PNG is another: each is under a checksum.
#[test]
fn a_part_of_an_image_is_none() {
    for whole in [small_png(), small_jpeg()] {
        for length in 0..whole.len() {
            assert!(Image::read(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
        }
    }
    let whole = small_png();
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        assert!(Image::read(&changed).is_err(), "byte {place}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(tail in prop::collection::vec(any::<u8>(), 0..200), is_png in any::<bool>()) {
        let start = if is_png { png::SIGNATURE } else { jpeg::START };
        prop_assert!(Image::read(&[start, &tail].concat()).is_err());
    }
}
