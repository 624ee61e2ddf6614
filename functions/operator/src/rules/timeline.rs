//! What one rule makes of one entity, record by record: the state machine of alerts, over history.

use domain::{EntityRef, Generation, Instant, OrderKey, Record};
use projection::fold::Folded;
use rules::set::RuleSet;
use rules::state::{Alert, AlertState, Subject, decide, momentary};
use serde_json::Value;

use crate::restore::document;

/// What the rule made of one version.
pub(super) struct Step {
    /// What is told of: alerts that open, change or last, and those that end.
    pub(super) told: Vec<Alert>,
    pub(super) opened: bool,
    pub(super) closed: bool,
}

impl Step {
    /// How often the rule fired: its ends do not count.
    pub(super) fn fired(&self) -> usize {
        self.told.iter().filter(|alert| !alert.is_end()).count()
    }
}

/// One entity under one rule.
pub(super) struct Timeline<'a> {
    rules: &'a RuleSet,
    entity: &'a EntityRef,
    kind: &'a str,
    folded: Option<Folded>,
    before: Option<Value>,
    document: Option<Value>,
    state: AlertState,
    versions: u64,
}

impl<'a> Timeline<'a> {
    pub(super) fn new(rules: &'a RuleSet, entity: &'a EntityRef, kind: &'a str) -> Self {
        Self {
            rules,
            entity,
            kind,
            folded: None,
            before: None,
            document: None,
            state: AlertState::default(),
            versions: 0,
        }
    }

    /// The next record, in order, is folded, and the rule asked about what comes of it.
    pub(super) fn record(&mut self, record: Record) -> Step {
        let at = record.key.updated_at;
        self.folded = match self.folded.take() {
            None => Folded::of(vec![record]),
            Some(folded) => Some(folded.with(record)),
        };
        self.before = self.document.take();
        let state = self.folded.as_ref().map(|folded| folded.state.clone());
        self.document = document(state).map(Value::Object);
        self.versions += 1;
        self.ask(at, true)
    }

    /// The rule is asked again, as a sweep does.
    pub(super) fn sweep(&mut self, now: Instant) -> Step {
        self.ask(now, false)
    }

    /// Whether an alert is open.
    pub(super) fn is_open(&self) -> bool {
        !self.state.open.is_empty()
    }

    /// The document, when the entity is live.
    pub(super) fn document(&self) -> Option<&Value> {
        self.document.as_ref()
    }

    /// The document of the version before.
    pub(super) fn before(&self) -> Option<&Value> {
        self.before.as_ref()
    }

    fn ask(&mut self, now: Instant, is_event: bool) -> Step {
        let newest: Option<&OrderKey> = self.folded.as_ref().map(|folded| &folded.newest);
        let subject = Subject {
            entity: self.entity,
            kind: self.kind,
            generation: Some(Generation(self.versions)),
            newest,
            document: self.document.as_ref(),
            before: self.before.as_ref(),
            now,
            origin: None,
        };
        let transitions = decide(&self.state, subject, self.rules);
        self.state = transitions.next.written();
        let mut told = transitions.told();
        if is_event {
            told.extend(momentary(subject, self.rules).0);
        }
        let (opened, closed) = (!transitions.opened.is_empty(), !transitions.closed.is_empty());
        Step { told, opened, closed }
    }
}

/// The body of an alert.
pub(super) fn body(alert: &Alert) -> Value {
    domain::json::parse(&alert.line()).unwrap_or_default()
}
