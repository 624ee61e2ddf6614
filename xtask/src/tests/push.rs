//! What a registry has after a push, whatever happens during it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::image::image;
use super::registry::{Behaviour, Contents, Stand};
use crate::image::assemble::Image;
use crate::image::attach::{self, Attachment};
use crate::image::blob::{Blob, media};
use crate::image::push::{Item, Push, Pushed};
use crate::image::reference::Reference;
use crate::image::registry::{Keychain, Patience, Registry};

/// Once, and no second time.
const ONCE: Patience = Patience { attempts_max: 1, pause: Duration::ZERO };

/// Two images on one base, with a document about each.
fn images() -> Vec<(Image, Vec<Attachment>)> {
    let image = |name: &str| {
        let image = image(name);
        let document = json!({"about": name});
        let attachment = Attachment::new(&image, media::SPDX, &document).unwrap();
        (image, vec![attachment])
    };
    vec![image("one"), image("two")]
}

/// Pushes all of `images` to `stand`, as a process does.
async fn push(
    stand: &Stand,
    images: &[(Image, Vec<Attachment>)],
    keychain: Keychain,
    patience: Patience,
) -> Result<Vec<Pushed>> {
    let prefix = format!("{}/p/r", stand.host);
    let registry = Registry::of(&Reference::below(&prefix, "any")?, keychain, patience)?;
    let mut push = Push::to(&registry, BTreeMap::new());
    let mut all = Vec::new();
    for (image, attachments) in images {
        let reference = Reference::below(&prefix, &image.function)?;
        let tags = vec!["t1".to_owned(), "t2".to_owned()];
        all.push(push.push(&Item { image, attachments, reference, tags }).await?);
    }
    Ok(all)
}

async fn push_once(stand: &Stand) -> Result<Vec<Pushed>> {
    push(stand, &images(), Keychain::default(), ONCE).await
}

async fn stand(behaviour: Behaviour) -> Stand {
    Stand::start(Contents::default(), behaviour).await
}

#[tokio::test]
async fn a_push_is_whole_and_each_blob_is_sent_once() {
    let stand = stand(Behaviour::default()).await;
    let pushed = push_once(&stand).await.unwrap();
    assert_eq!([pushed[0].uploaded, pushed[0].mounted], [5, 0], "two layers and three documents");
    assert_eq!([pushed[1].uploaded, pushed[1].mounted], [4, 1], "the base is mounted");
    for (image, attachments) in images() {
        let contents = stand.contents();
        let repository = &contents.repositories[&format!("p/r/{}", image.function)];
        let digest = &image.manifest.digest;
        assert_eq!(repository.manifests[digest].1, image.manifest.bytes);
        assert_eq!(repository.tags["t1"], *digest);
        assert_eq!(repository.tags["t2"], *digest);
        let list = &repository.manifests[&repository.tags[&attach::tag(digest)]];
        let list: Value = serde_json::from_slice(&list.1).unwrap();
        assert_eq!(list["manifests"][0]["digest"], *attachments[0].manifest.digest);
        assert_eq!(list["manifests"][0]["artifactType"], media::SPDX);
    }
}

#[tokio::test]
async fn what_is_there_is_not_pushed_again() {
    let first = stand(Behaviour::default()).await;
    push_once(&first).await.unwrap();
    let again = Stand::start(first.contents(), Behaviour::default()).await;
    let pushed = push_once(&again).await.unwrap();
    assert!(pushed.iter().all(|it| it.unchanged), "{pushed:?}");
    let requests = again.requests();
    assert_eq!(requests.len(), 4, "two tags of two images: {requests:#?}");
    assert!(requests.iter().all(|it| it.starts_with("HEAD ")), "{requests:#?}");
}

#[tokio::test]
async fn a_push_that_is_killed_at_any_request_and_run_again_ends_right() {
    let whole = stand(Behaviour::default()).await;
    push_once(&whole).await.unwrap();
    let requests = whole.requests().len();
    assert!(requests > 40, "{requests}");
    for dies_at in 1..=requests {
        for takes_effect in [false, true] {
            let behaviour =
                Behaviour { dies_at: Some(dies_at), takes_effect, ..Behaviour::default() };
            let dying = stand(behaviour).await;
            push_once(&dying).await.unwrap_err();
            let left = dying.contents();
            assert!(named_is_whole(&left), "{dies_at}, {takes_effect}: {left:#?}");
            let revived = Stand::start(left, Behaviour::default()).await;
            push_once(&revived).await.unwrap();
            assert_eq!(revived.contents(), whole.contents(), "{dies_at}, {takes_effect}");
        }
    }
}

/// Whether everything that has its last tag has all the rest.
fn named_is_whole(contents: &Contents) -> bool {
    let finished = contents.repositories.values().filter(|it| it.tags.contains_key("t2"));
    finished.into_iter().all(|it| it.tags.len() == 3 && it.manifests.len() == 3)
}

#[tokio::test]
async fn what_passes_does_not_end_a_push() {
    let whole = stand(Behaviour::default()).await;
    push_once(&whole).await.unwrap();
    let stuttering = stand(Behaviour { stutters: true, ..Behaviour::default() }).await;
    let patience = Patience { attempts_max: 2, ..ONCE };
    push(&stuttering, &images(), Keychain::default(), patience).await.unwrap();
    assert_eq!(stuttering.contents(), whole.contents());
    let again = stand(Behaviour { stutters: true, ..Behaviour::default() }).await;
    let message = push_once(&again).await.unwrap_err().to_string();
    assert!(message.contains("503"), "{message}");
}

#[tokio::test]
async fn a_registry_that_lists_what_is_attached_gets_no_list() {
    let stand = stand(Behaviour { lists_referrers: true, ..Behaviour::default() }).await;
    push_once(&stand).await.unwrap();
    for repository in stand.contents().repositories.values() {
        assert_eq!(repository.tags.keys().collect::<Vec<_>>(), ["t1", "t2"]);
        assert_eq!(repository.manifests.len(), 2, "the image and the document about it");
    }
}

#[tokio::test]
async fn what_others_attached_stays_listed() {
    let stand = stand(Behaviour::default()).await;
    let mut images = images();
    push_once(&stand).await.unwrap();
    let image = images[0].0.clone();
    let other = Attachment::new(&image, media::IN_TOTO, &json!({"by": "another"})).unwrap();
    images[0].1 = vec![other.clone()];
    let mut contents = stand.contents();
    let tag = attach::tag(&image.manifest.digest);
    let repository = contents.repositories.get_mut("p/r/one").unwrap();
    // Another tool writes what is not known here.
    let (media_type, list) = repository.manifests[&repository.tags[&tag]].clone();
    let mut list: Value = serde_json::from_slice(&list).unwrap();
    list["annotations"] = json!({"by": "another"});
    list["manifests"][0]["urls"] = json!(["https://example.com"]);
    let theirs = Blob::json(&media_type, &list).unwrap();
    let manifest = (media_type, theirs.bytes.to_vec());
    repository.manifests.insert(theirs.digest.clone(), manifest);
    repository.tags.insert(tag.clone(), theirs.digest);
    let stand = Stand::start(contents, Behaviour::default()).await;
    // A third tag is new, so the image is not taken for whole.
    let prefix = format!("{}/p/r", stand.host);
    let reference = Reference::below(&prefix, "one").unwrap();
    let registry = Registry::of(&reference, Keychain::default(), ONCE).unwrap();
    let tags = vec!["t3".to_owned()];
    let item = Item { image: &image, attachments: &images[0].1, reference, tags };
    Push::to(&registry, BTreeMap::new()).push(&item).await.unwrap();
    let contents = stand.contents();
    let repository = &contents.repositories["p/r/one"];
    let list = &repository.manifests[&repository.tags[&tag]].1;
    let list: Value = serde_json::from_slice(list).unwrap();
    assert_eq!(list["annotations"]["by"], "another");
    assert_eq!(list["manifests"][0]["urls"][0], "https://example.com");
    let types = list["manifests"].as_array().unwrap().iter().map(|it| &it["artifactType"]);
    assert_eq!(types.collect::<Vec<_>>(), [media::SPDX, media::IN_TOTO]);
}

#[tokio::test]
async fn tokens_are_asked_for_with_the_password_and_for_both_repositories_of_a_mount() {
    let stand = stand(Behaviour { wants_tokens: true, ..Behaviour::default() }).await;
    let auth = STANDARD.encode("somebody:a:secret");
    let keychain = Keychain::of(json!({"auths": {stand.host.clone(): {"auth": auth}}}));
    let pushed = push(&stand, &images(), keychain, ONCE).await.unwrap();
    assert_eq!(pushed[1].mounted, 1);
    let tokens = stand.requests().iter().filter(|it| it.starts_with("GET /token")).count();
    assert_eq!(tokens, 3, "one for each repository, and one for both");
}

#[tokio::test]
async fn whoever_is_not_known_is_told_what_to_do_and_no_secret() {
    let stand = stand(Behaviour { wants_tokens: true, ..Behaviour::default() }).await;
    let auth = STANDARD.encode("somebody:wrong-secret");
    let keychain = Keychain::of(json!({"auths": {stand.host.clone(): {"auth": auth}}}));
    let refused = push(&stand, &images(), keychain, ONCE).await.unwrap_err();
    let message = format!("{refused:#}").replace(&stand.host, "HOST");
    assert_eq!(
        message,
        "HOST gives no token: 401 UNAUTHORIZED who are you; log in: docker login, or for Google's \
         registries gcloud auth login"
    );
}

#[tokio::test]
async fn a_blob_of_other_content_is_refused() {
    let stand = stand(Behaviour::default()).await;
    push_once(&stand).await.unwrap();
    let mut contents = stand.contents();
    let repository = contents.repositories.get_mut("p/r/one").unwrap();
    let (digest, blob) = repository.blobs.iter_mut().next().unwrap();
    let wanted = Blob::new(media::LAYER, blob.clone()).descriptor();
    assert_eq!(wanted.digest, *digest);
    blob[0] ^= 1;
    let stand = Stand::start(contents, Behaviour::default()).await;
    let reference = Reference::below(&format!("{}/p/r", stand.host), "one").unwrap();
    let registry = Registry::of(&reference, Keychain::default(), ONCE).unwrap();
    let err = registry.blob("p/r/one", &wanted).await.unwrap_err().to_string();
    assert!(err.contains("has other content"), "{err}");
}
