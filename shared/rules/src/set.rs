//! The rules in force, prepared: by the kind of entity that they are about.

use domain::json::Object;
use serde_json::Value;

use crate::condition::{Facts, STEPS_MAX, Steps, Wrong};
use crate::rule::Rule;

/// Steps that every rule has for itself in an evaluation of all rules, whatever the others take.
pub const STEPS_OF_EACH: usize = 2_000;

/// Steps that all rules of a kind have together besides, in the order of their ids.
pub const STEPS_OF_ALL: usize = 4_000_000;

/// Rules by the kind of entity that they are about, in the order of their ids.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    kinds: Vec<OfKind>,
}

/// The rules about one kind.
#[derive(Clone, Debug, Default)]
struct OfKind {
    kind: String,
    /// Those that are open while they hold.
    lasting: Vec<Rule>,
    /// Those that compare with the version before, and hold for one version.
    changing: Vec<Rule>,
}

/// A member of a bundle that is no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRule {
    /// Its id, as far as it has one.
    pub id: String,
    /// Everything that is wrong with it.
    pub wrong: Vec<Wrong>,
}

/// Which rules hold for a document.
#[derive(Clone, Debug)]
pub struct Holding<'a> {
    /// Those that hold, in the order of their ids.
    pub rules: Vec<&'a Rule>,
    /// The ids of those that have taken all their steps, and so do not hold.
    pub exhausted: Vec<&'a str>,
}

impl RuleSet {
    /// The rules among the members of a bundle. What is no rule never holds, and is told of.
    pub fn read(members: &[Object]) -> (Self, Vec<NoRule>) {
        let (mut rules, mut refused) = (Vec::new(), Vec::new());
        for member in members {
            match Rule::read(member) {
                Ok(rule) => rules.push(rule),
                Err(wrong) => {
                    let id = member.get("id").and_then(Value::as_str).unwrap_or_default();
                    refused.push(NoRule { id: id.to_owned(), wrong });
                }
            }
        }
        (Self::of(rules), refused)
    }

    /// These rules; of two with one id the later.
    pub fn of(rules: Vec<Rule>) -> Self {
        let mut set = Self::default();
        for rule in rules {
            set.put(rule);
        }
        set
    }

    fn put(&mut self, rule: Rule) {
        for kind in &mut self.kinds {
            kind.lasting.retain(|other| other.id != rule.id);
            kind.changing.retain(|other| other.id != rule.id);
        }
        let place = self.kinds.iter().position(|it| it.kind == rule.applies_to);
        let place = place.unwrap_or_else(|| {
            self.kinds.push(OfKind { kind: rule.applies_to.clone(), ..OfKind::default() });
            self.kinds.len() - 1
        });
        let kind = &mut self.kinds[place];
        let rules = match rule.condition.compares_with_before() {
            true => &mut kind.changing,
            false => &mut kind.lasting,
        };
        // A bundle is in the order of its ids, so that nothing is moved.
        let place = rules.partition_point(|other| other.id < rule.id);
        rules.insert(place, rule);
    }

    fn kind(&self, kind: &str) -> Option<&OfKind> {
        self.kinds.iter().find(|it| it.kind == kind)
    }

    /// The rules about entities of this kind.
    pub fn about(&self, kind: &str) -> impl Iterator<Item = &Rule> {
        let kind = self.kind(kind);
        kind.into_iter().flat_map(|kind| kind.lasting.iter().chain(&kind.changing))
    }

    /// Every rule.
    pub fn all(&self) -> impl Iterator<Item = &Rule> {
        self.kinds.iter().flat_map(|kind| kind.lasting.iter().chain(&kind.changing))
    }

    /// Whether a rule about entities of this kind compares with the version before.
    pub fn compares_with_before(&self, kind: &str) -> bool {
        self.kind(kind).is_some_and(|kind| !kind.changing.is_empty())
    }

    /// The rule of this id that is open while it holds.
    pub(crate) fn lasting(&self, kind: &str, id: &str) -> Option<&Rule> {
        let rules = &self.kind(kind)?.lasting;
        let place = rules.binary_search_by(|rule| rule.id.as_str().cmp(id)).ok()?;
        rules.get(place)
    }

    /// Steps for each rule about this kind to say in an alert what matched. They depend on no other
    /// rule's alert, so that the same is said again.
    pub(crate) fn telling(&self, kind: &str) -> Steps {
        let rules = self.about(kind).count().max(1);
        Steps::of((STEPS_OF_ALL / rules).clamp(STEPS_OF_EACH, STEPS_MAX))
    }

    /// The rules that hold for an entity of this kind, without those that compare with the version
    /// before, within steps that are bounded for each rule and for all of them.
    pub fn holding(&self, kind: &str, facts: Facts<'_>) -> Holding<'_> {
        Holding::of(self.kind(kind).map_or(&[], |kind| &kind.lasting), facts)
    }

    /// The rules that compare with the version before and hold, within as many steps.
    pub fn changing(&self, kind: &str, facts: Facts<'_>) -> Holding<'_> {
        Holding::of(self.kind(kind).map_or(&[], |kind| &kind.changing), facts)
    }
}

impl<'a> Holding<'a> {
    fn of(rules: &'a [Rule], facts: Facts<'_>) -> Self {
        let mut holding = Holding { rules: Vec::new(), exhausted: Vec::new() };
        let mut common = Steps::of(STEPS_OF_ALL);
        for rule in rules {
            let given = STEPS_OF_EACH + common.left().min(Steps::default().left());
            let mut steps = Steps::of(given);
            match rule.holds(facts, &mut steps) {
                Ok(true) => holding.rules.push(rule),
                Ok(false) => (),
                Err(_) => holding.exhausted.push(&rule.id),
            }
            // What goes beyond its own part comes out of the common one.
            common = common.less((given - steps.left()).saturating_sub(STEPS_OF_EACH));
        }
        holding
    }
}
