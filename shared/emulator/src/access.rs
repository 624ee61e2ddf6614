//! Who may do what: asked of whoever starts the emulator, for every request over HTTP.

/// Decides about requests. What is done in process, without a request, is asked of nobody.
///
/// It is asked before anything else of a request is looked at, as the service does, perhaps more than
/// once, and perhaps about what the request turns out not to need.
pub trait Policy: Send + Sync {
    /// Who has this bearer token; `None` when nobody has, which is answered with 401.
    fn principal(&self, token: &str) -> Option<String>;

    /// Whether it is allowed.
    fn allows(&self, asked: &Asked<'_>) -> bool;

    /// Is told that a request was refused for want of it.
    fn refused(&self, _: &Asked<'_>) {}
}

/// One permission that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Who asks, as [`Policy::principal`] says.
    pub principal: &'a str,
    /// As IAM spells it: `storage.objects.get`.
    pub permission: &'a str,
    /// The bucket.
    pub bucket: &'a str,
    /// What in the bucket.
    pub target: Target<'a>,
}

/// What a permission is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The object of this name, whether or not there is one.
    Object(&'a str),
    /// The bucket, of which what begins with this is listed.
    Listing(&'a str),
    /// The bucket itself.
    Bucket,
}
