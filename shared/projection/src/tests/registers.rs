//! Group registers: the winner, and what happens when it falls.

use domain::{EntityRef, Env, Generation, ObjectName, OrderKey, Version};
use expect_test::expect;

use super::{definitions, document, entity};
use crate::plan::places;
use crate::register::{self, MEMBERS_MAX, Refusal};
use crate::source::Source;

struct Register {
    name: ObjectName,
    body: Option<Vec<u8>>,
    generation: u64,
}

impl Register {
    fn new() -> Self {
        let name = ObjectName::Register {
            env: Env::Dev,
            segment: "ventures".to_owned(),
            index: "by-group".to_owned(),
            key: "G".to_owned(),
        };
        Self { name, body: None, generation: 0 }
    }

    /// An event of `id`, whose snapshot is `body`; answers whether something was written.
    fn event(&mut self, id: &str, body: &str, run: &str) -> Result<bool, Refusal> {
        self.generation += 1;
        let source = Source {
            entity: EntityRef { id: id.to_owned(), ..entity("V1") },
            generation: Some(Generation(self.generation)),
            document: Some(document(body)),
            run: run.to_owned(),
            definitions: "d".to_owned(),
            newest: OrderKey::parse("2025-11-06T10:00:00Z", &format!("2025/11/06/{run}.json")),
        };
        let definitions = definitions();
        let definition = definitions.entity("venture").unwrap();
        let places = places(definition, &source.entity, source.document.as_ref()).unwrap();
        let version = Version { definitions: "d".to_owned(), software: "0".to_owned() };
        let wanted = places.get(&self.name);
        let write = register::decide(
            &self.name,
            self.body.as_deref(),
            wanted,
            &source,
            definition,
            &version,
        )?;
        let wrote = write.is_some();
        self.body = write.map(|write| write.body).or(self.body.take());
        Ok(wrote)
    }

    fn comparable(&self) -> Option<String> {
        domain::volatile::comparable(&self.name, self.body.as_ref().unwrap())
    }
}

#[test]
fn the_latest_wins_and_the_next_follows_when_it_falls() {
    let mut register = Register::new();
    register.event("CT1", r#"{"group":"G","asOf":"2025-01-01"}"#, "1").unwrap();
    register.event("CT2", r#"{"group":"G","asOf":"2025-02-01","updated_at":"t"}"#, "2").unwrap();
    expect![[r#"{"ptr":"env/dev/snapshots/ventures/CT2.json","id":"CT2","entity":"venture","asOf":"2025-02-01","members":[{"ptr":"env/dev/snapshots/ventures/CT2.json","id":"CT2","entity":"venture","asOf":"2025-02-01","sort":"2025-02-01","order":["2025-11-06T10:00:00Z","2025/11/06/2.json"]},{"ptr":"env/dev/snapshots/ventures/CT1.json","id":"CT1","entity":"venture","asOf":"2025-01-01","sort":"2025-01-01","order":["2025-11-06T10:00:00Z","2025/11/06/1.json"]}]}"#]]
        .assert_eq(&register.comparable().unwrap());
    register.event("CT2", r#"{"group":"H","asOf":"2025-02-01"}"#, "3").unwrap();
    expect![[r#"{"ptr":"env/dev/snapshots/ventures/CT1.json","id":"CT1","entity":"venture","asOf":"2025-01-01","members":[{"ptr":"env/dev/snapshots/ventures/CT1.json","id":"CT1","entity":"venture","asOf":"2025-01-01","sort":"2025-01-01","order":["2025-11-06T10:00:00Z","2025/11/06/1.json"]}]}"#]]
        .assert_eq(&register.comparable().unwrap());
    register.event("CT1", "{}", "4").unwrap();
    assert_eq!(register.comparable(), None, "a register without live members counts as absent");
}

#[test]
fn equal_sort_values_are_decided_by_order_key_then_by_id() {
    let winner = |events: &[(&str, &str)]| {
        let mut register = Register::new();
        for (id, run) in events {
            register.event(id, r#"{"group":"G","asOf":"2025-01-01"}"#, run).unwrap();
        }
        register::members(register.body.as_ref().unwrap()).unwrap()[0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(winner(&[("A", "2"), ("B", "1")]), "A");
    assert_eq!(winner(&[("B", "1"), ("A", "2")]), "A");
    assert_eq!(winner(&[("A", "1"), ("B", "1")]), "B");
    assert_eq!(winner(&[("B", "1"), ("A", "1")]), "B");
}

#[test]
fn a_member_is_written_where_it_never_was() {
    let mut register = Register::new();
    assert_eq!(register.event("A", "{}", "1"), Ok(true));
    assert_eq!(register.event("A", "{}", "1"), Ok(false), "the same run says the same");
    assert_eq!(register.event("A", "{}", "2"), Ok(true));
}

#[test]
fn a_register_has_room_for_its_bound_of_live_members() {
    let mut register = Register::new();
    register.event("gone", "{}", "0").unwrap();
    for n in 0..MEMBERS_MAX {
        register.event(&format!("M{n}"), r#"{"group":"G","asOf":1}"#, "1").unwrap();
    }
    assert_eq!(register::members(register.body.as_ref().unwrap()).unwrap().len(), MEMBERS_MAX);
    assert_eq!(register.event("one more", r#"{"group":"G"}"#, "1"), Err(Refusal::Full));
    assert_eq!(register.event("not in it", "{}", "1"), Ok(true), "nothing to be refused");
    assert_eq!(register.event("M7", r#"{"group":"G","asOf":2}"#, "2"), Ok(true));
}

#[test]
fn what_is_no_register_is_not_taken_for_an_empty_one() {
    for body in ["{", "[]", "{}", r#"{"members":7}"#, r#"{"members":[7]}"#] {
        let mut register = Register { body: Some(body.into()), ..Register::new() };
        assert_eq!(
            register.event("A", r#"{"group":"G"}"#, "1"),
            Err(Refusal::Unreadable),
            "{body}"
        );
    }
}

#[test]
fn the_order_of_keys_in_a_shown_value_counts() {
    let mut register = Register::new();
    register.event("A", r#"{"group":"G","asOf":{"x":1,"y":2}}"#, "1").unwrap();
    assert_eq!(register.event("A", r#"{"group":"G","asOf":{"y":2,"x":1}}"#, "1"), Ok(true));
}

#[test]
fn a_register_is_whole_while_it_is_what_its_members_make() {
    let mut made = Register::new();
    made.event("CT1", r#"{"group":"G","asOf":"2025-01-01"}"#, "1").unwrap();
    made.event("CT2", r#"{"group":"G","asOf":"2025-02-01"}"#, "2").unwrap();
    made.event("CT1", r#"{"group":"H","asOf":"2025-01-01"}"#, "3").unwrap();
    let body = made.body.unwrap();
    let is_whole = |body: &[u8]| register::is_whole(&made.name, body, "venture");
    assert!(is_whole(&body));
    assert!(is_whole(&register::empty("venture")));
    let text = String::from_utf8(body.clone()).unwrap();
    let without = register::without_tombstones(&made.name, &body, "venture").unwrap();
    assert!(is_whole(&without));
    assert_eq!(register::stored_members(&without).unwrap().len(), 1);
    assert_eq!(register::without_tombstones(&made.name, &without, "venture"), None);
    let mut members = document(&text);
    let twice = members["members"][0].clone();
    members["members"].as_array_mut().unwrap().push(twice);
    for broken in [
        "[]".to_owned(),
        "no JSON".to_owned(),
        text.replacen("2025-02-01", "2025-03-01", 1),
        text.trim_end().to_owned(),
        members.to_string() + "\n",
        r#"{"op":"delete","members":[{"id":7}]}"#.to_owned() + "\n",
    ] {
        assert!(!is_whole(broken.as_bytes()), "{broken}");
    }
}
