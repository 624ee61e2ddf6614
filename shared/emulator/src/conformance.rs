//! The bucket in memory as others use it, for the checks of the storage contract.

use bytes::Bytes;
use domain::{BoxFuture, Generation};
use store::Error;
use store::conformance::Others;

use crate::{Memory, Upload};

impl Others for Memory {
    fn upload_gzip<'a>(
        &'a self,
        name: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        let upload = Upload { content_encoding: Some("gzip".to_owned()), ..Upload::default() };
        Box::pin(async move { Ok(self.insert(name, body, upload)?.generation) })
    }
}
