//! Globs in tables, against a naive matcher, and how long their programs are.

use proptest::prelude::*;

use super::*;

#[test]
fn globs_describe_names() {
    for (glob, names, others) in [
        ("*.json", &["a.json", ".json"][..], &["a/b.json", "a.jsonx"][..]),
        ("**.json", &["a.json", "a/b/c.json"], &["a.txt"]),
        ("a/*/c", &["a/b/c", "a//c"], &["a/b/b/c", "a/c"]),
        ("a/**/c", &["a/b/c", "a/b/d/c"], &["b/c"]),
        ("?.txt", &["é.txt"], &["/.txt", "ab.txt"]),
        ("[a-c][!x]", &["ab", "c9"], &["db", "ax", "a/"]),
        ("[]]", &["]"], &["a"]),
        ("{a,b{c,d}}*", &["a", "bc1", "bd"], &["b", "e"]),
        ("{a,[,}]}x", &["ax", ",x", "}x"], &["[x"]),
        ("{}{,}a}", &["a}"], &["a"]),
        ("x{,y}", &["x", "xy"], &["y"]),
        ("a,b}", &["a,b}"], &["a", "b"]),
        (r"\*\{", &["*{"], &["a{"]),
        (r"{a\,b,c}", &["a,b", "c"], &["a", "b"]),
        ("", &[""], &["a"]),
    ] {
        let parsed = Glob::parse(glob).unwrap();
        for name in names {
            assert!(parsed.matches(name), "{glob} {name}");
        }
        for name in others {
            assert!(!parsed.matches(name), "{glob} {name}");
        }
    }
}

#[test]
fn what_is_not_closed_or_too_long_is_none() {
    let long = "é".repeat(GLOB_BYTES_MAX / 2 + 1);
    for glob in ["[a", "{a", "a\\", "{a,{b}", "{[}]", &long] {
        assert_eq!(Glob::parse(glob), None, "{glob}");
    }
    assert!(Glob::parse(&"*".repeat(GLOB_BYTES_MAX)).is_some());
}

#[test]
fn no_program_is_longer_than_its_glob() {
    let name = "a".repeat(1000);
    for glob in [
        "*a*a*a*a*a*a*b".to_owned(),
        "**a".repeat(300) + "b",
        "{a,b}".repeat(200),
        "{a,b,c,d}{a,b,c,d}{a,b,c,d}".to_owned() + &"*a".repeat(400) + "b",
        "{*,**}".repeat(150) + "b",
        "{".repeat(300) + "**a" + &"}".repeat(300) + "b",
        "{{a,*}{**,b},{*a,a*}}".repeat(40) + "b",
        ",".repeat(10) + "{" + &",".repeat(900) + "}b",
    ] {
        let parsed = Glob::parse(&glob).unwrap();
        assert!(!parsed.matches(&name), "{glob}");
        assert!(parsed.0.len() <= glob.len(), "{} steps of {glob}", parsed.0.len());
        let targets = parsed.0.iter().map(|step| match step {
            Step::Go(targets) => targets.len(),
            _ => 1,
        });
        assert!(targets.sum::<usize>() <= 2 * glob.len(), "what its steps lead to: {glob}");
    }
}

/// A glob as it is meant.
#[derive(Clone, Debug)]
enum Part {
    One(char),
    Any,
    Many,
    All,
    NotA,
    Either(Vec<Vec<Part>>),
}

impl Part {
    fn text(parts: &[Part]) -> String {
        let text = |part: &Part| match part {
            Self::One(one) => one.to_string(),
            Self::Any => "?".to_owned(),
            Self::Many => "*".to_owned(),
            Self::All => "**".to_owned(),
            Self::NotA => "[!a]".to_owned(),
            Self::Either(either) => {
                let texts: Vec<String> = either.iter().map(|it| Self::text(it)).collect();
                format!("{{{}}}", texts.join(","))
            }
        };
        parts.iter().map(text).collect()
    }

    /// What may be left of `name` behind `parts`, as the definition says it.
    fn ends(parts: &[Part], name: &[char]) -> Vec<Vec<char>> {
        let Some((part, parts)) = parts.split_first() else { return vec![name.to_vec()] };
        let one = |fits: bool| if fits { vec![name[1..].to_vec()] } else { Vec::new() };
        let run = |fits: &dyn Fn(char) -> bool| {
            let length = name.iter().take_while(|it| fits(**it)).count();
            (0..=length).map(|at| name[at..].to_vec()).collect::<Vec<_>>()
        };
        let first = name.first().copied();
        let after = match part {
            Self::One(wanted) => one(first == Some(*wanted)),
            Self::Any => one(first.is_some_and(|it| it != '/')),
            Self::NotA => one(first.is_some_and(|it| it != '/' && it != 'a')),
            Self::Many => run(&|it| it != '/'),
            Self::All => run(&|_| true),
            Self::Either(either) => either.iter().flat_map(|it| Self::ends(it, name)).collect(),
        };
        let mut ends: Vec<_> = after.iter().flat_map(|rest| Self::ends(parts, rest)).collect();
        ends.sort();
        ends.dedup();
        ends
    }
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let leaf = prop_oneof![
        prop_oneof![Just('a'), Just('b'), Just('/')].prop_map(Part::One),
        Just(Part::Any),
        Just(Part::Many),
        Just(Part::All),
        Just(Part::NotA),
    ];
    let part = leaf.prop_recursive(2, 12, 3, |part| {
        let parts = prop::collection::vec(part, 0..3);
        prop::collection::vec(parts, 1..4).prop_map(Part::Either)
    });
    // Two in a row are read as one of the other kind.
    prop::collection::vec(part, 0..6)
        .prop_filter("stars touch", |parts| !Part::text(parts).contains("***") && !touching(parts))
}

fn touching(parts: &[Part]) -> bool {
    let many = |part: &Part| matches!(part, Part::Many);
    let below = |part: &Part| match part {
        Part::Either(either) => either.iter().any(|it| touching(it)),
        _ => false,
    };
    parts.windows(2).any(|pair| pair.iter().all(many)) || parts.iter().any(below)
}

proptest! {
    #[test]
    fn globs_mean_what_their_definition_says(parts in parts(), name in "[ab/]{0,7}") {
        let text = Part::text(&parts);
        let characters: Vec<char> = name.chars().collect();
        let expected = Part::ends(&parts, &characters).iter().any(Vec::is_empty);
        prop_assert_eq!(Glob::parse(&text).unwrap().matches(&name), expected, "{}", text);
    }
}
