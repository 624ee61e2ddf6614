//! Frames of a journal: what was appended wholly is there, what was not is not.
//!
//! A frame is a line of fixed length with the lengths and checksums of what follows, one line of
//! JSON, and the bodies that the JSON speaks of, one after the other:
//!
//! ```text
//! 0000004c 0000000007 5f1a3c9d 0b7e2d11
//! {"objects":{…}}
//! …bodies…
//! ```

use bytes::Bytes;

/// Bytes of the first line: three lengths and checksums, and the checksum of those.
const PREFIX_BYTES: usize = 38;

/// One frame as read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// One line of JSON, without its end.
    pub(super) head: Bytes,
    /// The bodies.
    pub(super) bodies: Bytes,
}

/// What stands at a place of a journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A frame, and where the next one begins.
    Frame(Frame, usize),
    /// The journal ends here.
    End,
    /// The beginning of a frame whose rest was never written.
    Torn,
    /// Something that no writer of frames leaves behind.
    Damaged,
}

/// The bytes of a frame.
pub(super) fn encode(head: &str, bodies: &[&[u8]]) -> Vec<u8> {
    let body_bytes: usize = bodies.iter().map(|body| body.len()).sum();
    let content = [head.as_bytes(), b"\n"];
    let sum = content.iter().chain(bodies).fold(0, |sum, part| crc32c::crc32c_append(sum, part));
    let mut frame = prefix(head.len() as u64, body_bytes as u64, sum).into_bytes();
    frame.reserve(head.len() + body_bytes + 2);
    for part in content.iter().chain(bodies) {
        frame.extend_from_slice(part);
    }
    frame.push(b'\n');
    frame
}

/// The first line.
fn prefix(head_bytes: u64, body_bytes: u64, sum: u32) -> String {
    let summed = format!("{head_bytes:08x} {body_bytes:010x} {sum:08x}");
    let own = crc32c::crc32c(summed.as_bytes());
    format!("{summed} {own:08x}\n")
}

/// Reads what stands at `at`.
pub(super) fn decode(journal: &Bytes, at: usize) -> Found {
    let rest = journal.slice(at.min(journal.len())..);
    if rest.is_empty() {
        return Found::End;
    }
    let Some(prefix) = rest.get(..PREFIX_BYTES) else { return Found::Torn };
    let Some((head_bytes, body_bytes, sum)) = read_prefix(prefix) else { return Found::Damaged };
    let bodies_at = PREFIX_BYTES + head_bytes + 1;
    let end = bodies_at + body_bytes + 1;
    if rest.len() < end {
        return Found::Torn;
    }
    if crc32c::crc32c(&rest[PREFIX_BYTES..end - 1]) != sum {
        return Found::Damaged;
    }
    let frame = Frame {
        head: rest.slice(PREFIX_BYTES..bodies_at - 1),
        bodies: rest.slice(bodies_at..end - 1),
    };
    Found::Frame(frame, at + end)
}

/// Length of head and bodies, and the checksum of both; `None` unless its own checksum is right.
fn read_prefix(prefix: &[u8]) -> Option<(usize, usize, u32)> {
    let text = std::str::from_utf8(prefix).ok()?;
    let mut numbers = text.split(' ').map(|number| u64::from_str_radix(number, 16).ok());
    let mut next = || numbers.next().flatten();
    let (head, bodies, sum) = (next()?, next()?, u32::try_from(next()?).ok()?);
    if self::prefix(head, bodies, sum) != text {
        return None;
    }
    Some((usize::try_from(head).ok()?, usize::try_from(bodies).ok()?, sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> (Bytes, Vec<usize>) {
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for (head, bodies) in
            [("{}", vec![]), ("{\"é\":1}", vec![&b"one"[..], b"", b"two\n"]), ("", vec![&[0; 300]])]
        {
            bytes.extend(encode(head, &bodies));
            ends.push(bytes.len());
        }
        (bytes.into(), ends)
    }

    fn walk(journal: &Bytes) -> (usize, Found) {
        let mut at = 0;
        loop {
            match decode(journal, at) {
                Found::Frame(_, next) => at = next,
                end => return (at, end),
            }
        }
    }

    #[test]
    fn frames_come_back_as_they_were() {
        let (journal, ends) = journal();
        let frame = Frame { head: "{\"é\":1}".into(), bodies: "onetwo\n".into() };
        assert_eq!(decode(&journal, ends[1]), Found::Frame(frame, ends[2]));
        assert_eq!(walk(&journal), (journal.len(), Found::End));
    }

    #[test]
    fn every_cut_keeps_the_frames_before_it_and_nothing_else() {
        let (journal, ends) = journal();
        for cut in 0..journal.len() {
            let whole = ends.iter().copied().filter(|end| *end <= cut).max().unwrap();
            let expected = if whole == cut { Found::End } else { Found::Torn };
            assert_eq!(walk(&journal.slice(..cut)), (whole, expected), "cut at {cut}");
        }
    }

    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let (journal, ends) = journal();
        for at in 0..journal.len() {
            let mut changed = journal.to_vec();
            changed[at] ^= 0x10;
            let begin = ends.iter().copied().filter(|end| *end <= at).max().unwrap();
            let (reached, found) = walk(&changed.into());
            // The line feed that ends a frame is not looked at.
            if ends.contains(&(at + 1)) {
                continue;
            }
            assert_eq!((reached, found), (begin, Found::Damaged), "changed at {at}");
        }
    }
}
