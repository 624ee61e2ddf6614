//! Reading an object: content, generation and metadata in one request.

use domain::Generation;
use hyper::Method;
use store::{Error, Object, content_bytes_max};

use crate::Bucket;
use crate::answer::{Answer, broken};
use crate::client::{Call, Trouble};
use crate::endpoint;
use crate::retry::{Cause, Effect};

impl Bucket {
    /// `Objects: get` with `alt=media`. (Cloud Storage JSON API.)
    pub(crate) async fn read(
        &self,
        name: &str,
        generation: Option<Generation>,
    ) -> Result<Option<Object>, Error> {
        if let Some(refusal) = endpoint::refusal(name) {
            return Err(Trouble::new(Cause::Refused, refusal).of("get", name));
        }
        let address = self.endpoint.object(name).with("alt", "media");
        let uri = address.with_some("generation", generation).uri();
        let effect = (Effect::Read, Method::GET);
        let bytes_max = content_bytes_max(name);
        let mut call = Call::new(("get", name), effect, uri, bytes_max)?;
        call.large = Cause::Content;
        self.client.run(&call, |answer| object(answer, generation, bytes_max)).await
    }
}

fn object(
    answer: &Answer,
    wanted: Option<Generation>,
    bytes_max: usize,
) -> Result<Option<Object>, Trouble> {
    if answer.is_missing()? {
        return Ok(None);
    }
    answer.expect(200)?;
    let generation = answer.generation()?;
    if wanted.is_some_and(|wanted| wanted != generation) {
        return Err(broken("answer is another generation"));
    }
    Ok(Some(Object { body: answer.content(bytes_max)?, generation, metadata: answer.metadata() }))
}
