//! The bucket as others use it, for the checks of the storage contract: not in what is deployed.

use bytes::Bytes;
use domain::{BoxFuture, Generation};
use hyper::Method;
use hyper::header::HeaderValue;
use store::conformance::{Others, join_all};
use store::{Error, Store as _};

use crate::Bucket;
use crate::answer::JSON_BYTES_MAX;
use crate::client::Call;
use crate::retry::Effect;
use crate::write::written;

/// What others upload, whatever it is.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Versions that are deleted at once.
const AT_ONCE: usize = 20;

/// The most pages of versions that are deleted.
const PAGES_MAX: usize = 1000;

impl Bucket {
    /// Deletes every version of everything whose name begins with `prefix` for ever, and says how
    /// many there were.
    ///
    /// # Errors
    ///
    /// The first failure of a call; what was deleted before stays deleted.
    pub async fn clean(&self, prefix: &str) -> Result<usize, Error> {
        let mut erased = 0;
        for _ in 0..PAGES_MAX {
            // The first page again: what was on it is gone.
            let page = self.versions_page(prefix, None).await?;
            for versions in page.items.chunks(AT_ONCE) {
                let erasing = versions.iter().map(|it| self.erase(&it.name, it.generation));
                for end in join_all(erasing.collect()).await {
                    erased += usize::from(end?);
                }
            }
            if page.next_page_token.is_none() {
                break;
            }
        }
        Ok(erased)
    }
}

impl Others for Bucket {
    /// `Objects: insert` with `uploadType=media`.
    fn upload_gzip<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        Box::pin(async move {
            let address = self.endpoint.uploads().with("uploadType", "media").with("name", name);
            let address = address.with("contentEncoding", "gzip").with("fields", "generation");
            let effect = (Effect::Write, Method::POST);
            let call = Call::new(("upload", name), effect, address.uri(), JSON_BYTES_MAX)?;
            self.client.run(&call.with(JSON, body), written).await
        })
    }
}
