//! The alert state of an entity mended, whatever it says, and alerts that are missing written.
//!
//! No event asks for it: an event leaves a state alone in which no rule begins or ceases to hold,
//! and an alert that somebody has deleted stays away while its rule is open.

use domain::{Disposition, EntityDefinition, EntityRef, Outcome, volatile};
use store::{Error, ErrorKind, Precondition};

use crate::{ABOUT_TO_CHANGE, Cause, Notes, RulesEngine, UNWRITTEN, View};

impl RulesEngine {
    /// Takes out of the state of `entity` what nobody of ours has put there, opens and closes what
    /// an event would, and writes the alerts of open rules that are missing or say something else.
    ///
    /// Taking out is no transition: it is made under the generation that was read and by no
    /// snapshot, and whoever has read the state before fails. What it leaves to be opened is opened
    /// afterwards, as by an event.
    pub async fn mend(&self, entity: &EntityRef) -> Outcome {
        let definition = match self.tools.definition(entity) {
            Ok(definition) => definition,
            Err(rejected) => return Ok(rejected),
        };
        self.repeated(entity, || self.mend_once(entity, definition)).await
    }

    /// One attempt; `None` when it has to be begun again.
    async fn mend_once(
        &self,
        entity: &EntityRef,
        definition: &EntityDefinition,
    ) -> Result<Option<Disposition>, Error> {
        let view = match self.view(entity, definition, Cause::events(&[])).await? {
            Ok(view) => view,
            Err(reason) => return Ok(Some(Disposition::Rejected(vec![reason]))),
        };
        let kind = &definition.entity;
        let genuine = view.state.genuine(entity, kind);
        let says = genuine.body(entity, kind);
        if view.stored.as_ref().is_some_and(|stored| stored.body != says) {
            let kept = |key: &str| view.note(key).cloned();
            let notes =
                Notes { about_to_change: kept(ABOUT_TO_CHANGE), unwritten: kept(UNWRITTEN) };
            let precondition = Precondition::unchanged(view.stored.as_ref());
            self.write(&view, &genuine, notes, precondition, kind).await?;
            return Ok(None);
        }
        let ended = self.attempt(entity, definition, Cause::events(&[])).await?;
        if ended.is_some()
            && let Ok(view) = self.view(entity, definition, Cause::events(&[])).await?
        {
            self.write_missing_alerts(&view).await?;
        }
        Ok(ended)
    }

    /// Writes the alerts of all open rules that are not there, or are not what the state says.
    async fn write_missing_alerts(&self, view: &View) -> Result<(), Error> {
        let entity = &view.source.entity;
        for alert in view.state.open.iter().filter(|alert| alert.is_told()) {
            let name = alert.name(entity);
            let found = match self.tools.store.get(&name.to_string(), None).await {
                // Whatever it is, it is there, and who mends it has to say which version it is.
                Err(err) if err.kind == ErrorKind::Unusable => continue,
                found => found?,
            };
            let comparable = |body: &[u8]| volatile::comparable(&name, body);
            match found {
                None => self.write_alert(alert, entity).await?,
                Some(found) if comparable(&found.body) != comparable(&alert.line()) => {
                    let (metadata, at) = (self.alert_metadata(alert, entity), found.generation);
                    let (name, line) = (name.to_string(), alert.line().into());
                    let at = Precondition::At(at);
                    self.tools.store.put(&name, line, &metadata, at).await?;
                }
                Some(_) => (),
            }
        }
        Ok(())
    }
}
