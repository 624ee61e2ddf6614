//! Rules that compare with the version before: told once for each version that they hold for.
//!
//! They are asked of the two versions that an event names, its own and the one that it overwrote,
//! whatever the current one is. So what is told depends on no order of events, and nothing has to
//! be remembered: the alert's id follows from rule and version, and an event that comes again
//! writes the same. What is promised is one alert for each version whose event is handled while both
//! versions exist; nothing is told where a push does not say what was overwritten.

use domain::{Delivery, EntityDefinition, Generation, ObjectName, Overwrote};
use projection::source::Source;
use rules::set::RuleSet;
use rules::state::{Alert, Subject, momentary};
use store::{Error, Object};

use crate::{ORIGIN, RulesEngine, Shortcut, View, warn_of};

impl RulesEngine {
    /// Writes the alerts of rules that compare with the version before. One read for each event,
    /// and one more where its own version is no longer the current one.
    pub(crate) async fn write_changes(
        &self,
        view: &View,
        events: &[Delivery],
        definition: &EntityDefinition,
        rules: &RuleSet,
    ) -> Result<(), Error> {
        if !rules.compares_with_before(&definition.entity) {
            return Ok(());
        }
        for event in events {
            let Overwrote::Generation(before) = event.overwrote else { continue };
            let alerts = self.changes(view, event.generation, before, definition, rules).await?;
            self.write_alerts(&alerts, &view.source.entity).await?;
        }
        Ok(())
    }

    async fn changes(
        &self,
        view: &View,
        own: Generation,
        before: Generation,
        definition: &EntityDefinition,
        rules: &RuleSet,
    ) -> Result<Vec<Alert>, Error> {
        let entity = &view.source.entity;
        let is_current = view.source.generation == Some(own);
        let fetched = match is_current || self.planted.has(Shortcut::ChangeOfCurrentVersion) {
            true => None,
            false => match self.version(view, own, definition).await? {
                Some(fetched) => Some(fetched),
                None => return Ok(Vec::new()),
            },
        };
        let (source, origin) =
            fetched.as_ref().map_or((&view.source, &view.origin), |it| (&it.0, &it.1));
        if source.document.is_none() {
            return Ok(Vec::new());
        }
        let Some((before, _)) = self.version(view, before, definition).await? else {
            return Ok(Vec::new());
        };
        let subject = Subject {
            entity,
            kind: &definition.entity,
            generation: source.generation,
            newest: source.newest.as_ref(),
            document: source.document.as_ref(),
            before: before.document.as_ref(),
            origin: origin.as_deref(),
            now: view.now,
        };
        let (alerts, exhausted) = momentary(subject, rules);
        warn_of(entity, &exhausted);
        Ok(alerts)
    }

    /// A version of the snapshot, and where a bulk write of it comes from; `None` when it has
    /// expired or is none.
    async fn version(
        &self,
        view: &View,
        generation: Generation,
        definition: &EntityDefinition,
    ) -> Result<Option<(Source, Option<String>)>, Error> {
        let entity = &view.source.entity;
        let name = ObjectName::Snapshot(entity.clone()).to_string();
        let Some(object) = self.tools.store.get(&name, Some(generation)).await? else {
            return Ok(None);
        };
        let origin = object.metadata.get(ORIGIN).cloned();
        let source = Source::read(entity, definition, Some(Object::parts(&object)));
        Ok(source.ok().map(|source| (source, origin)))
    }
}
