//! Bindings: everything that is granted as the plan says, and nothing to everybody.

use std::collections::{BTreeMap, BTreeSet};

use gcp::Payload;
use serde_json::{Value, json};

use super::check::{Outcome, Subject};
use super::google::{Look, Service, encode};
use super::visit::Visit;
use crate::terraform::planned::Resource;

/// Everybody, and everybody who has an account with Google.
const EVERYBODY: [&str; 2] = ["allUsers", "allAuthenticatedUsers"];

/// Roles that every bucket has for those who own its project. (Cloud Storage documentation, "IAM
/// roles for Cloud Storage", "Predefined legacy roles".)
const LEGACY: &str = "roles/storage.legacy";

/// Which policy grants what a resource of this type says.
type Policy = fn(&Resource) -> Place;

/// Where a policy is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    service: Service,
    path: String,
    /// For people: `topic prod-changes`.
    name: String,
}

/// Types of grants, and where they end up.
const SORTS: [(&str, Policy); 10] = [
    ("google_storage_bucket_iam_member", of_bucket),
    ("google_pubsub_topic_iam_member", of_topic),
    ("google_pubsub_subscription_iam_member", of_subscription),
    ("google_cloud_run_v2_service_iam_member", of_service),
    ("google_cloud_run_v2_job_iam_member", of_job),
    ("google_service_account_iam_member", of_account),
    ("google_secret_manager_secret_iam_member", of_secret),
    ("google_kms_crypto_key_iam_member", of_key),
    ("google_artifact_registry_repository_iam_member", of_registry),
    ("google_project_iam_member", of_project),
];

/// A role for somebody, perhaps under a condition.
type Grant = (String, String, String);

/// Looks at every policy that the plan has a part of.
pub(super) async fn all(visit: &mut Visit<'_>) {
    for (sort, policy) in SORTS {
        let mut places: BTreeMap<Place, Vec<&Resource>> = BTreeMap::new();
        for planned in visit.planned.of(sort) {
            places.entry(policy(planned)).or_default().push(planned);
        }
        for (place, planned) in places {
            one(visit, &place, &planned).await;
        }
    }
}

async fn one(visit: &mut Visit<'_>, place: &Place, planned: &[&Resource]) {
    let Place { service, path, .. } = place;
    let look = match service {
        _ if path.contains("//") => Look::Unknown {
            why: "its name is known after the deployment".to_owned(),
            mend: Some(format!("cargo xtask deploy --env {}", visit.env)),
        },
        Service::Storage => {
            let path = format!("{path}?optionsRequestedPolicyVersion=3");
            visit.google.look(*service, &path).await
        }
        Service::Projects => {
            let body = Payload::Json(json!({"options": {"requestedPolicyVersion": 3}}));
            visit.google.ask(*service, "POST", path, body).await
        }
        _ => {
            // IAM takes a POST with nothing in it, all others a GET.
            let method = if *service == Service::Iam { "POST" } else { "GET" };
            let path = format!("{path}?options.requestedPolicyVersion=3");
            visit.google.ask(*service, method, &path, Payload::Nothing).await
        }
    };
    let there = match &look {
        Look::Found(policy) => granted(policy),
        _ => BTreeSet::new(),
    };
    let expected: BTreeSet<Grant> = planned.iter().filter_map(|it| wanted(it)).collect();
    let mut later = BTreeSet::new();
    for it in planned {
        let (role, member) = (it.text("/role"), it.text("/member"));
        let whom = if member.is_empty() { "somebody" } else { short(member) };
        let mut subject = Subject::of(&place.name, &format!("for {whom}"), it, visit.env);
        let title = it.text("/condition/0/title");
        let aspect = if title.is_empty() { role } else { title };
        match (&look, wanted(it)) {
            (_, None) => {
                later.insert((role.to_owned(), it.text("/condition/0/expression").to_owned()));
                let what = "for whom is known after the deployment".to_owned();
                let mend = format!("cargo xtask deploy --env {}", visit.env);
                subject.add(aspect, Outcome::NotKnown(what), Some(mend));
            }
            (Look::Found(_), Some(grant)) => {
                let has = there.contains(&grant);
                subject.holds(aspect, has, || lacking(&there, &expected, &grant));
            }
            (other, _) => drop(subject.there(other.clone())),
        }
        visit.add(subject);
    }
    // What may be theirs is no surplus.
    let is_later =
        |(role, _, condition): &Grant| later.contains(&(role.clone(), condition.clone()));
    let there = there.into_iter().filter(|it| expected.contains(it) || !is_later(it)).collect();
    surplus(visit, place, &there, &expected);
}

/// The grant that a resource says; nothing while nobody knows for whom.
fn wanted(planned: &Resource) -> Option<Grant> {
    let [role, member, expression] =
        ["/role", "/member", "/condition/0/expression"].map(|it| planned.text(it).to_owned());
    (!member.is_empty()).then_some((role, member, expression))
}

/// What is wrong where a grant is not there: perhaps it is, in another form.
fn lacking(there: &BTreeSet<Grant>, expected: &BTreeSet<Grant>, grant: &Grant) -> String {
    let (role, member, expression) = grant;
    let other = there.difference(expected).find(|(a, b, _)| a == role && b == member);
    match other {
        Some((_, _, is)) if is.is_empty() => {
            format!("{role} has no condition, where there is to be {expression}")
        }
        Some((_, _, is)) if !expression.is_empty() => {
            format!("{role} has another condition: {is}")
        }
        _ => format!("{role} is not granted"),
    }
}

/// What is granted and stands in no plan.
fn surplus(
    visit: &mut Visit<'_>,
    place: &Place,
    there: &BTreeSet<Grant>,
    expected: &BTreeSet<Grant>,
) {
    let ours: BTreeSet<&str> = expected.iter().map(|(_, member, _)| member.as_str()).collect();
    let mut subject = Subject::named(place.name.clone());
    for grant in there.difference(expected) {
        let (role, member, _) = grant;
        let everybody = EVERYBODY.contains(&member.as_str());
        // On a project people have roles that are nobody's business here, and a bucket's are
        // those of its project's people.
        let elsewhere = place.service == Service::Projects || role.starts_with(LEGACY);
        let outcome = if everybody {
            Outcome::Wrong(format!("{role} is granted to {member}"))
        } else if elsewhere {
            continue;
        } else if ours.contains(member.as_str()) {
            Outcome::Wrong(format!("{member} has {role} besides, which is not in the plan"))
        } else {
            Outcome::NotKnown(format!("{member} has {role}, which is not in the plan"))
        };
        subject.add("nothing else", outcome, take_away(place, grant, &visit.google.project));
    }
    if subject.checks.is_empty() && !there.is_empty() {
        subject.add("nothing else", Outcome::Ok, None);
    }
    visit.add(subject);
}

/// The command that takes a grant away, where gcloud has one for it.
fn take_away(place: &Place, (role, member, expression): &Grant, project: &str) -> Option<String> {
    let name = place.name.split(' ').nth(1).unwrap_or_default();
    let what = match place.name.split(' ').next()? {
        "bucket" => format!("storage buckets remove-iam-policy-binding gs://{name}"),
        "topic" => format!("pubsub topics remove-iam-policy-binding {name}"),
        "subscription" => format!("pubsub subscriptions remove-iam-policy-binding {name}"),
        "service" => format!("run services remove-iam-policy-binding {name}"),
        "project" => format!("projects remove-iam-policy-binding {name}"),
        _ => return None,
    };
    let condition = if expression.is_empty() { "" } else { " --all" };
    let project = if place.service == Service::Projects { "" } else { project };
    let project = if project.is_empty() { String::new() } else { format!(" --project {project}") };
    Some(format!("gcloud {what} --member={member} --role={role}{condition}{project}"))
}

/// The grants of a policy. (IAM REST reference, `Policy`.)
fn granted(policy: &Value) -> BTreeSet<Grant> {
    let mut grants = BTreeSet::new();
    for binding in policy["bindings"].as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let expression = text(&binding["condition"]["expression"]);
        for member in binding["members"].as_array().into_iter().flatten() {
            grants.insert((text(&binding["role"]), text(member), expression.clone()));
        }
    }
    grants
}

/// Google's own accounts by what they are for, others by their name.
fn short(member: &str) -> &str {
    let Some(email) = member.strip_prefix("serviceAccount:") else {
        return member.split_once(':').map_or(member, |(_, whole)| whole);
    };
    match email.split_once('@') {
        Some((name, domain)) if name.starts_with("service-") => {
            domain.split('.').next().unwrap_or(domain)
        }
        Some((name, _)) => name,
        None => email,
    }
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn of_bucket(it: &Resource) -> Place {
    let bucket = it.text("/bucket");
    Place {
        service: Service::Storage,
        path: format!("/storage/v1/b/{}/iam", encode(bucket)),
        name: format!("bucket {bucket}"),
    }
}

fn of_topic(it: &Resource) -> Place {
    let name = it.text("/topic");
    let path = below(it, "v1", "topics", name);
    Place { service: Service::PubSub, path, name: format!("topic {name}") }
}

fn of_subscription(it: &Resource) -> Place {
    let name = it.text("/subscription");
    let path = below(it, "v1", "subscriptions", name);
    Place { service: Service::PubSub, path, name: format!("subscription {name}") }
}

fn of_service(it: &Resource) -> Place {
    let (name, location) = (it.text("/name"), encode(it.text("/location")));
    let path = below(it, "v2", &format!("locations/{location}/services"), name);
    Place { service: Service::Run, path, name: format!("service {name}") }
}

fn of_job(it: &Resource) -> Place {
    let (name, location) = (it.text("/name"), encode(it.text("/location")));
    let path = below(it, "v2", &format!("locations/{location}/jobs"), name);
    Place { service: Service::Run, path, name: format!("job {name}") }
}

fn of_account(it: &Resource) -> Place {
    let name = it.text("/service_account_id");
    let email = last(name);
    Place {
        service: Service::Iam,
        path: format!("/v1/{name}:getIamPolicy"),
        name: format!("account {}", email.split('@').next().unwrap_or(email)),
    }
}

fn of_secret(it: &Resource) -> Place {
    let name = last(it.text("/secret_id"));
    let path = below(it, "v1", "secrets", name);
    Place { service: Service::Secrets, path, name: format!("secret {name}") }
}

fn of_key(it: &Resource) -> Place {
    let id = it.text("/crypto_key_id");
    Place {
        service: Service::Keys,
        path: format!("/v1/{}:getIamPolicy", if id.is_empty() { "/" } else { id }),
        name: format!("key {}", if id.is_empty() { "of the bucket" } else { last(id) }),
    }
}

fn of_registry(it: &Resource) -> Place {
    let (name, location) = (last(it.text("/repository")), encode(it.text("/location")));
    let path = below(it, "v1", &format!("locations/{location}/repositories"), name);
    Place { service: Service::Registry, path, name: format!("registry {name}") }
}

fn of_project(it: &Resource) -> Place {
    let project = it.text("/project");
    Place {
        service: Service::Projects,
        path: format!("/v3/projects/{}:getIamPolicy", encode(project)),
        name: format!("project {project}"),
    }
}

fn below(it: &Resource, version: &str, collection: &str, name: &str) -> String {
    let project = encode(it.text("/project"));
    format!("/{version}/projects/{project}/{collection}/{}:getIamPolicy", encode(name))
}
