//! Decompression within its bounds.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::gzip::{GzipError, RATIO_FREE_BYTES, RATIO_MAX, decompress};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_ratio_counts_from_a_size_on() {
    let largest = vec![0; RATIO_FREE_BYTES];
    assert!(gzip(&largest).len() * RATIO_MAX < RATIO_FREE_BYTES);
    assert_eq!(decompress(&gzip(&largest), usize::MAX).unwrap().len(), RATIO_FREE_BYTES);
    let bomb = gzip(&vec![0; RATIO_FREE_BYTES + 1]);
    assert_eq!(decompress(&bomb, usize::MAX), Err(GzipError::Ratio));
}

#[test]
fn a_ratio_up_to_the_bound_is_fine_at_any_size() {
    // A compressed size that permits just as much: padded with members that hold nothing.
    let content = vec![0; 4 * RATIO_FREE_BYTES];
    let (dense, empty) = (gzip(&content), gzip(b""));
    let padding = content.len().div_ceil(RATIO_MAX) - dense.len();
    let fits = [dense.clone(), empty.repeat(padding.div_ceil(empty.len()))].concat();
    assert_eq!(decompress(&fits, usize::MAX).unwrap().len(), content.len());
    let dense = [dense, empty.repeat(padding / empty.len() - 1)].concat();
    assert_eq!(decompress(&dense, usize::MAX), Err(GzipError::Ratio));
}

#[test]
fn real_documents_of_repeated_keys_pass() {
    let record = |n: u32| {
        format!(
            r#"{{"milestone":"M{n}","status":"Done","owner":null,"evidence":[],"score":{}}}"#,
            n % 7
        )
    };
    let list: Vec<String> = (0..60_000).map(record).collect();
    let text = format!("[{}]", list.join(","));
    let compressed = gzip(text.as_bytes());
    assert!(text.len() > 4 * RATIO_FREE_BYTES && text.len() > 15 * compressed.len());
    assert_eq!(decompress(&compressed, usize::MAX).unwrap(), text.as_bytes());
}

#[test]
fn the_size_is_bounded_inclusively() {
    assert_eq!(decompress(&gzip(b"four"), 4).unwrap(), b"four");
    assert_eq!(decompress(&gzip(b"fives"), 4), Err(GzipError::Large(4)));
}

#[test]
fn what_is_not_whole_and_nothing_more_is_damaged() {
    let good = gzip(b"{}");
    assert_eq!(decompress(&[&good[..], &good[..]].concat(), 9).unwrap(), b"{}{}");
    let mut crc = good.clone();
    let at = crc.len() - 8;
    crc[at] ^= 1;
    let trailing = [&good[..], b"x"].concat();
    for damaged in [&good[..good.len() - 1], &crc, &trailing, b"{}", b""] {
        assert_eq!(decompress(damaged, 9), Err(GzipError::Damaged), "{damaged:?}");
    }
}
