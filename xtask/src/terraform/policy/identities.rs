//! Policies about who may do what: what the metadata says, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Class, ObjectName};

use super::{Case, Policy, lines, texts};
use crate::metadata::{Function, Kind, word};
use crate::terraform::condition::OPERATORS_MAX;
use crate::terraform::grants::deleted;
use crate::terraform::planned::Resource;
use crate::terraform::samples;

/// Conditional bindings of one role to one member. (IAM documentation, "Overview of IAM
/// Conditions", "Limitations".)
const BINDINGS_MAX: usize = 20;

/// The longest name of an account. (IAM documentation, "Service accounts".)
const ACCOUNT_BYTES_MAX: usize = 30;

/// Roles that give almost everything.
const PRIMITIVE: [&str; 3] = ["roles/owner", "roles/editor", "roles/viewer"];

/// What a role on a project must not begin with: it would reach every secret or every object.
const TOO_WIDE: [&str; 3] =
    ["roles/secretmanager.secretAccessor", "roles/secretmanager.admin", "roles/storage."];

/// What the operator reads of Cloud Monitoring.
const MEASURES: &str = "monitoring.timeSeries.list";

pub(super) const POLICIES: &[Policy] = &[
    Policy { name: "nobody-is-everybody", why: "allUsers is the internet", check: everybody },
    Policy {
        name: "roles-are-narrow",
        why: "a role on the project reaches what a function has nothing to do with",
        check: narrow,
    },
    Policy {
        name: "functions-take-no-deliveries",
        why: "who pulls from a subscription takes deliveries away from its function",
        check: subscribers,
    },
    Policy {
        name: "functions-may-do-what-they-say",
        why: "a function cannot read its inputs, or can write what others own",
        check: grants,
    },
    Policy {
        name: "functions-may-list",
        why: "without it the read of a missing object answers 403, which is never taken for missing",
        check: listing,
    },
    Policy { name: "conditions-fit", why: "IAM refuses longer ones", check: conditions },
    Policy {
        name: "secrets-are-bound-one-by-one",
        why: "who reads one secret could read them all",
        check: secrets,
    },
    Policy {
        name: "outsiders-read-what-is-derived-and-append-history",
        why: "somebody from outside sees more than a prefix, or writes what functions derive",
        check: outsiders,
    },
    Policy {
        name: "federation-names-its-repository",
        why: "the issuer gives a token to every workflow of the world",
        check: federation,
    },
    Policy {
        name: "deployments-are-approved",
        why: "any job of the repository could deploy, and nobody would be asked",
        check: approved,
    },
    Policy { name: "account-names-fit", why: "IAM refuses longer ones", check: accounts },
];

/// Everything that gives somebody a role.
fn bindings<'a>(case: &'a Case<'_>) -> impl Iterator<Item = &'a Resource> {
    let is = |it: &&Resource| {
        ["_iam_member", "_iam_binding", "_iam_policy"].iter().any(|end| it.sort.ends_with(end))
    };
    case.planned.present().filter(is)
}

fn everybody(case: &Case<'_>) -> Vec<String> {
    lines(bindings(case), |it| {
        let members = [texts(it, "/members"), vec![it.text("/member")]].concat();
        let open = members.iter().find(|it| ["allUsers", "allAuthenticatedUsers"].contains(it));
        open.map(|it| format!("is for {it}"))
    })
}

fn narrow(case: &Case<'_>) -> Vec<String> {
    let mut wrong = lines(bindings(case), |it| {
        let role = it.text("/role");
        let project = it.sort.starts_with("google_project_iam_");
        let wide = PRIMITIVE.contains(&role)
            || project && TOO_WIDE.iter().any(|wide| role.starts_with(wide));
        (wide || it.sort.ends_with("_policy")).then(|| format!("gives {role:?}"))
    });
    wrong.extend(lines(case.planned.of("google_project_iam_member"), |it| {
        let member = it.text("/member");
        let function = case.functions.iter().find(|one| case.member(&one.name) == member)?;
        // Measures are of a project as a whole.
        let is_measuring = function.metadata.kind == Kind::Job && gives_only(case, it, MEASURES);
        (!is_measuring).then(|| format!("gives {member} a role on the project"))
    }));
    wrong
}

/// Whether what `binding` gives is a role of ours that has `permission` and nothing else.
fn gives_only(case: &Case<'_>, binding: &Resource, permission: &str) -> bool {
    let (_, id) = binding.text("/role").rsplit_once("/roles/").unwrap_or_default();
    let role = case.named("google_project_iam_custom_role", "/role_id", id);
    !id.is_empty() && role.is_some_and(|it| texts(it, "/permissions") == [permission])
}

fn subscribers(case: &Case<'_>) -> Vec<String> {
    let functions: Vec<String> = case.functions.iter().map(|it| case.member(&it.name)).collect();
    let theirs = case.planned.of("google_pubsub_subscription_iam_member");
    lines(theirs.filter(|it| functions.iter().any(|member| member == it.text("/member"))), |it| {
        let (role, member) = (it.text("/role"), it.text("/member"));
        let fine = match role {
            "roles/pubsub.viewer" => true,
            "roles/pubsub.subscriber" => it.text("/subscription").ends_with("-dead"),
            _ => false,
        };
        let of = it.text("/subscription");
        (!fine || member != case.member("operator"))
            .then(|| format!("gives {member} {role} on {of}"))
    })
}

/// Whether `function` is to read, or to write, an object of `class`.
fn is_to(function: &Function, classes: &[Class], class: Class, name: &ObjectName) -> bool {
    let own = match name {
        ObjectName::Quarantine { function: whose, .. } => {
            function.metadata.kind == Kind::Job || *whose == function.name
        }
        _ => true,
    };
    own && classes.contains(&class)
}

fn grants(case: &Case<'_>) -> Vec<String> {
    let samples = samples::names(case.env, case.definitions);
    let mut wrong = Vec::new();
    for function in case.functions {
        let member = case.member(&function.name);
        let metadata = &function.metadata;
        let deletes = deleted(function);
        let sides = [
            ("storage.objects.get", "read", &metadata.reads),
            ("storage.objects.create", "write", &metadata.writes),
            ("storage.objects.delete", "replace", &deletes),
        ];
        for (permission, verb, classes) in sides {
            let mut told = BTreeSet::new();
            for (class, name) in &samples {
                let may = case.access.may(&member, permission, &name.to_string());
                let is_to = is_to(function, classes, *class, name);
                if may != is_to && told.insert(word(*class)) {
                    let how = if may { "may" } else { "may not" };
                    wrong.push(format!("{} {how} {verb} {name}", function.name));
                }
            }
        }
    }
    wrong
}

fn listing(case: &Case<'_>) -> Vec<String> {
    let lacking = case.functions.iter().filter(|it| {
        // Checked against the bucket, so that only a grant without a condition helps.
        !case.access.may_list(&case.member(&it.name), "")
    });
    lacking.map(|it| format!("{} may not list", it.name)).collect()
}

fn conditions(case: &Case<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut bindings: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for grant in &case.access.grants {
        let operators = grant.condition.as_ref().map_or(0, |it| it.operators());
        if operators > OPERATORS_MAX {
            wrong.push(format!("{} has {operators} logical operators", grant.address));
        }
    }
    for it in case.planned.bucket_grants() {
        *bindings.entry((it.text("/member"), it.text("/role"))).or_default() += 1;
    }
    let many = bindings.into_iter().filter(|(_, count)| *count > BINDINGS_MAX);
    wrong.extend(many.map(|((member, role), count)| format!("{member} has {role} {count} times")));
    wrong
}

fn secrets(case: &Case<'_>) -> Vec<String> {
    lines(case.planned.of("google_secret_manager_secret_iam_member"), |it| {
        let secret = it.text("/secret_id");
        let secret = secret.strip_prefix(&format!("{}-", case.env)).unwrap_or(secret).to_owned();
        let reads = |function: &&Function| {
            function.metadata.secrets.contains(&secret)
                && case.member(&function.name) == it.text("/member")
        };
        (!case.functions.iter().any(|one| reads(&one)))
            .then(|| format!("shows {secret} to {}, which does not read it", it.text("/member")))
    })
}

fn outsiders(case: &Case<'_>) -> Vec<String> {
    let mut ours: Vec<String> = case.functions.iter().map(|it| case.member(&it.name)).collect();
    // Known once BigQuery has made it. It lists to find the files of a table.
    ours.extend(
        case.planned.of("google_bigquery_connection").map(|it| {
            format!("serviceAccount:{}", it.text("/cloud_resource/0/service_account_id"))
        }),
    );
    // It waits for what is not there yet.
    let deploys = case.member("ci-deploy");
    let grants = case.access.grants.iter();
    let foreign = grants.filter(|it| it.member.as_ref().is_none_or(|it| !ours.contains(it)));
    let mut wrong = Vec::new();
    for grant in foreign {
        let permissions: Vec<&str> = grant.permissions.iter().map(String::as_str).collect();
        let member = grant.member.as_deref();
        match permissions.as_slice() {
            ["storage.objects.get"] => {
                let seen = reach(case, member, permissions[0], |class| class == Class::History);
                wrong.extend(seen.map(|(who, name)| format!("{who} may read {name}")));
            }
            ["storage.objects.create"] => {
                let reached = reach(case, member, permissions[0], |class| class != Class::History);
                wrong.extend(reached.map(|(who, name)| format!("{who} may write {name}")));
            }
            ["storage.objects.list"] => {
                let all = member.filter(|it| *it != deploys && case.access.may_list(it, ""));
                wrong.extend(all.map(|it| format!("{it} may list the whole bucket")));
            }
            _ => wrong.push(format!("{} gives somebody from outside too much", grant.address)),
        }
    }
    wrong
}

/// The first object of those classes that `member` reaches.
fn reach<'a>(
    case: &Case<'_>,
    member: Option<&'a str>,
    permission: &str,
    classes: impl Fn(Class) -> bool,
) -> Option<(&'a str, ObjectName)> {
    let member = member?;
    let samples = samples::names(case.env, case.definitions);
    let mut names = samples.into_iter().filter(|(class, _)| classes(*class)).map(|(_, it)| it);
    let name = names.find(|it| case.access.may(member, permission, &it.to_string()))?;
    Some((member, name))
}

fn federation(case: &Case<'_>) -> Vec<String> {
    lines(case.planned.of("google_iam_workload_identity_pool_provider"), |it| {
        let named = it.text("/attribute_condition").starts_with("assertion.repository == '");
        (!named).then(|| "takes tokens of any repository".to_owned())
    })
}

fn approved(case: &Case<'_>) -> Vec<String> {
    let deploys = case.member("ci-deploy");
    let account = deploys.strip_prefix("serviceAccount:").unwrap_or_default();
    let approved = format!("@refs/heads/main:{}", case.env);
    let hers = case.planned.of("google_service_account_iam_member");
    let hers = hers.filter(|it| {
        !account.is_empty() && it.text("/service_account_id").ends_with(&format!("/{account}"))
    });
    lines(hers, |it| {
        let member = it.text("/member");
        let fine = member.contains("/attribute.deploys/") && member.ends_with(&approved);
        (!fine).then(|| format!("lets {member} deploy"))
    })
}

fn accounts(case: &Case<'_>) -> Vec<String> {
    lines(case.planned.of("google_service_account"), |it| {
        let id = it.text("/account_id");
        (id.len() > ACCOUNT_BYTES_MAX).then(|| format!("has a name of {} bytes", id.len()))
    })
}
