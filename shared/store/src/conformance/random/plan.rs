//! What a round does, as its seed says.

use bytes::Bytes;

use super::dice::Dice;
use super::operation::{If, Operation, Which};
use crate::conformance::names::HOSTILE;
use crate::{List, METADATA_BYTES_MAX, Metadata, PAGE_ITEMS_MAX};

/// Operations of a round that has no crowd.
const OPERATIONS: usize = 500;

/// Objects of a round.
const OBJECTS: usize = 10;

/// Of so many rounds one has many objects and one many versions.
const CROWDS_EVERY: u64 = 40;

/// More than a page.
const CROWD: usize = PAGE_ITEMS_MAX + PAGE_ITEMS_MAX / 10;

/// Names that something between here and the bucket could take for each other, or put in another
/// order.
const FAMILIES: [&[&str]; 10] = [
    &["a", "a/", "a/b"],
    &["a//b.json", "a/b/c.json", "a/../b.json"],
    &["A.json", "a.json", "%41.json"],
    &["%2F.json", "%252F.json", "/lead.json"],
    &["a+b.json", "a b.json", "a&b=c.json"],
    &[".", "..", "a/.."],
    &["hash#1.json", "hash#1700000000000000"],
    &["\u{e9}.json", "e\u{301}.json"],
    &["\u{1f980}/\u{3a9}.json", "\u{ff5e}wide.json"],
    &["question?.json", "[a-z]?*.json", "star*!().json"],
];

/// Families of a round.
const FAMILIES_MET: usize = 3;

/// Names with which no write succeeds, below any prefix.
const REFUSED_NAMES: [&str; 3] = ["a\nb", "\r", "end\n"];

/// Metadata with which no write succeeds.
const REFUSED_PAIRS: [(&str, &str); 5] =
    [("Upper", "x"), ("", "x"), ("k", "é"), ("k", "a\r\nb"), ("k", " x")];

/// Metadata of writes that may succeed.
const PAIRS: [(&str, &str); 8] = [
    ("a", "1"),
    ("a", "2"),
    ("a", ""),
    ("source-object", "env/dev/a b/%41+&=:\"\\.json"),
    ("order_key", "2025-11-06T10:18:22.000Z"),
    ("dotted.key", "~"),
    ("b", "a, b; c"),
    ("0", "0"),
];

/// Objects and operations.
#[derive(Clone)]
pub(super) struct Round {
    /// The names of the objects, without the prefix of the round.
    pub(super) names: Vec<String>,
    pub(super) operations: Vec<Operation>,
}

impl Round {
    /// The round of `seed`.
    pub(super) fn of(seed: u64, crowds: bool) -> Self {
        let mut dice = Dice::new(seed);
        let mut round = Self { names: names(&mut dice), operations: Vec::new() };
        match seed % CROWDS_EVERY {
            0 if crowds => round.add_objects(),
            20 if crowds => round.add_versions(),
            _ => (),
        }
        let mut maker = Maker { dice, names: &round.names, written: 0 };
        round.operations.extend((0..OPERATIONS).map(|_| maker.operation()));
        round
    }

    fn add_objects(&mut self) {
        for n in 0..CROWD {
            let object = self.names.len();
            // Three in a folder, out of order.
            let n = (n * 7919) % CROWD;
            self.names.push(format!("crowd/{:04}/{}", n / 3, n % 3));
            self.operations.push(put(object, Bytes::from_static(b"crowd"), If::Absent));
        }
    }

    fn add_versions(&mut self) {
        let puts = (0..CROWD).map(|n| put(0, Bytes::from(n.to_string()), If::Unchanged));
        self.operations.extend(puts);
    }
}

/// Names that meet, and others.
fn names(dice: &mut Dice) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for _ in 0..FAMILIES_MET {
        names.extend(dice.one(&FAMILIES));
    }
    names.extend((0..HOSTILE.len()).map(|_| dice.one(&HOSTILE)));
    let mut distinct: Vec<String> = Vec::new();
    for name in names {
        if distinct.len() < OBJECTS && !distinct.iter().any(|known| known == name) {
            distinct.push(name.to_owned());
        }
    }
    distinct
}

fn put(object: usize, body: Bytes, under: If) -> Operation {
    Operation::Put { object, body, metadata: Metadata::new(), under }
}

/// Makes operations.
struct Maker<'a> {
    dice: Dice,
    names: &'a [String],
    written: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    Get,
    Put,
    PutRefused,
    Delete,
    Erase,
    List,
    Versions,
}

impl Maker<'_> {
    fn operation(&mut self) -> Operation {
        let kinds = [
            (24, Kind::Get),
            (36, Kind::Put),
            (2, Kind::PutRefused),
            (9, Kind::Delete),
            (3, Kind::Erase),
            (14, Kind::List),
            (12, Kind::Versions),
        ];
        let object = self.object();
        match self.dice.weighted(&kinds) {
            Kind::Get => {
                let which = self.dice.percent(55).then(|| self.which());
                Operation::Get { object, which }
            }
            Kind::Put => self.put(object),
            Kind::PutRefused => self.put_refused(),
            Kind::Delete => {
                let which = if self.dice.percent(60) { Which::Live } else { self.which() };
                Operation::Delete { object, which }
            }
            Kind::Erase => Operation::Erase { object, which: self.which() },
            Kind::List => Operation::List(self.list()),
            Kind::Versions => Operation::Versions { object },
        }
    }

    /// Mostly one of the few, of which there are the most collisions.
    fn object(&mut self) -> usize {
        let few = if self.dice.percent(95) { OBJECTS } else { self.names.len() };
        self.dice.below(few.min(self.names.len()))
    }

    fn which(&mut self) -> Which {
        let (back, other) = (self.dice.below(8), self.object());
        self.dice.weighted(&[
            (3, Which::Live),
            (5, Which::Old(back)),
            (1, Which::Foreign(other)),
            (1, Which::Unknown),
        ])
    }

    fn put(&mut self, object: usize) -> Operation {
        let which = self.which();
        let under = self.dice.weighted(&[(13, If::Unchanged), (3, If::Absent), (4, If::At(which))]);
        Operation::Put { object, body: self.body(), metadata: self.metadata(), under }
    }

    fn body(&mut self) -> Bytes {
        self.written += 1;
        let number = self.written;
        let long = |bytes: usize| format!("{number} ").repeat(bytes / 4).into();
        match self.dice.below(100) {
            0..10 => Bytes::new(),
            10..30 => Bytes::from_static(b"{}\n"),
            30..33 => long(20_000),
            33 => long(200_000),
            34..40 => Bytes::from(vec![0xff, 0, 0x80, (number % 251) as u8]),
            _ => format!("{{\"n\":{number},\"é\":\"東京\"}}\n").into(),
        }
    }

    fn metadata(&mut self) -> Metadata {
        let pairs = if self.dice.percent(50) { 0 } else { 1 + self.dice.below(3) };
        let mut pair = || self.dice.one(&PAIRS);
        (0..pairs).map(|_| pair()).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn put_refused(&mut self) -> Operation {
        if self.dice.percent(50) {
            let name = self.dice.one(&REFUSED_NAMES).to_owned();
            return Operation::PutRefused { name, metadata: Metadata::new() };
        }
        if self.dice.percent(10) {
            let large = Metadata::from([("k".to_owned(), "v".repeat(METADATA_BYTES_MAX))]);
            return Operation::PutRefused { name: "large".to_owned(), metadata: large };
        }
        let (key, value) = self.dice.one(&REFUSED_PAIRS);
        let metadata = Metadata::from([(key.to_owned(), value.to_owned())]);
        Operation::PutRefused { name: "refused".to_owned(), metadata }
    }

    fn list(&mut self) -> List {
        let prefix = if self.dice.percent(45) { String::new() } else { self.part_of_a_name() };
        let delimiter = match self.dice.below(100) {
            0..50 => None,
            50..85 => Some("/".to_owned()),
            85..90 => Some(String::new()),
            _ => Some(self.dice.one(&[".", "a", "é", "%", " ", "s"]).to_owned()),
        };
        List {
            prefix,
            delimiter,
            start_offset: self.dice.percent(25).then(|| self.part_of_a_name()),
            end_offset: self.dice.percent(25).then(|| self.part_of_a_name()),
            page_token: self.dice.percent(1).then(|| "not a token!".to_owned()),
            versions: self.dice.percent(15),
        }
    }

    /// A name or the beginning of one, and perhaps one character more.
    fn part_of_a_name(&mut self) -> String {
        let object = self.dice.below(self.names.len());
        let name = &self.names[object];
        let keep = if self.dice.percent(40) {
            name.len()
        } else {
            name.floor_char_boundary(self.dice.below(name.len() + 1))
        };
        let more =
            if self.dice.percent(15) { self.dice.one(&["/", "a", "~", "é", "0"]) } else { "" };
        format!("{}{more}", &name[..keep])
    }
}
