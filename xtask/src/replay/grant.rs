//! One grant of a function: the right to list, to read a class of objects, to create one, or to
//! replace one.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, Error, Result, bail};
use domain::{Class, Definitions, ObjectName};

use super::rights::{CREATE, DELETE, GET, LIST, Request};
use crate::metadata::{Function, Kind, NeededBy, word};
use crate::terraform::grants;

/// Something that a function may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The name of the function.
    pub(crate) function: String,
    /// What it may do.
    pub(crate) right: Right,
}

/// What can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// To list the bucket, and to learn that an object is missing.
    List,
    /// To read objects of a class.
    Read(Class),
    /// To create objects of a class.
    Write(Class),
    /// To replace and to delete them.
    Replace(Class),
}

impl Grant {
    /// Every grant of `function`, as its metadata says.
    pub(crate) fn all(function: &Function) -> Vec<Self> {
        let reads = function.metadata.reads.iter().map(|class| Right::Read(*class));
        let writes = function.metadata.writes.iter().map(|class| Right::Write(*class));
        let replaces = grants::deleted(function).into_iter().map(Right::Replace);
        let rights = [Right::List].into_iter().chain(reads).chain(writes).chain(replaces);
        rights.map(|right| Self { function: function.name.clone(), right }).collect()
    }

    /// The one of a text such as `index-writer:read:snapshot`, of one of `functions`.
    pub(crate) fn parse(text: &str, functions: &[Function]) -> Result<Self> {
        let grant: Self = text.parse()?;
        let all: Vec<Self> = functions.iter().flat_map(Self::all).collect();
        if all.contains(&grant) {
            return Ok(grant);
        }
        let hers = all.iter().filter(|it| it.function == grant.function).map(Self::to_string);
        match hers.collect::<Vec<_>>().as_slice() {
            [] => {
                let known: Vec<&str> = functions.iter().map(|it| it.name.as_str()).collect();
                bail!("no function {:?}; there are {}", grant.function, known.join(", "))
            }
            hers => bail!("no grant {text:?}; there are {}", hers.join(", ")),
        }
    }

    /// Whether it is to replace what is only ever created, and nothing has to need it. It is granted
    /// because a second attempt may find the object of the first one, and whether the service then
    /// answers that it is there, or asks for this permission first, only a real bucket can tell.
    pub(crate) fn is_a_precaution(&self, function: &Function) -> bool {
        let Right::Replace(class) = self.right else { return false };
        // A person drops notes.
        let notes = class == Class::Quarantine && function.metadata.kind == Kind::Push;
        if function.metadata.deletes.contains(&class) {
            return false;
        }
        let created =
            matches!(class, Class::Journal | Class::RepairWanted | Class::Claim | Class::Alert);
        created || notes
    }

    /// What fails without it, as the metadata of `function` says.
    pub(crate) fn needed_by<'a>(&self, function: &'a Function) -> Option<&'a str> {
        let needed_by = &function.metadata.needed_by;
        let named = match self.right {
            Right::List => needed_by.list.as_ref(),
            Right::Read(class) => needed_by.read.get(word(class)),
            Right::Write(class) => needed_by.write.get(word(class)),
            Right::Replace(class) => needed_by.replace.get(word(class)),
        };
        named.map(String::as_str)
    }

    /// The prefixes below the environment that it is granted on; none for a listing.
    pub(crate) fn prefixes(&self, function: &Function, definitions: &Definitions) -> Vec<String> {
        match self.right {
            Right::List => Vec::new(),
            Right::Read(class) | Right::Write(class) | Right::Replace(class) => {
                grants::prefixes(function, &[class], definitions)
            }
        }
    }

    /// Whether a request was refused for want of it.
    pub(crate) fn was_missed(&self, refused: &Request) -> bool {
        let class = ObjectName::parse(&refused.name).map(|name| name.class()).ok();
        let fits = match self.right {
            Right::List => refused.permission == LIST,
            Right::Read(of) => refused.permission == GET && class == Some(of),
            Right::Write(of) => refused.permission == CREATE && class == Some(of),
            Right::Replace(of) => refused.permission == DELETE && class == Some(of),
        };
        fits && refused.function == self.function
    }
}

/// What the metadata of `function` says needs a grant that it does not have, and the other way
/// around; where nothing is wrong, nothing.
pub(crate) fn unproven(function: &Function) -> Vec<String> {
    let all = Grant::all(function);
    let missing = all.iter().filter(|it| !it.is_a_precaution(function));
    let missing = missing.filter(|grant| grant.needed_by(function).is_none());
    let mut wrong: Vec<String> =
        missing.map(|grant| format!("{grant}: nothing is named that needs it")).collect();
    let NeededBy { list: _, read, write, replace } = &function.metadata.needed_by;
    for (verb, named) in [("read", read), ("write", write), ("replace", replace)] {
        for class in named.keys() {
            let text = format!("{}:{verb}:{class}", function.name);
            if !all.iter().any(|grant| grant.to_string() == text) {
                wrong.push(format!("{text}: something needs it, and it is not granted"));
            }
        }
    }
    wrong
}

/// `index-writer:read:snapshot`, `index-writer:list`.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.right {
            Right::List => write!(f, "{}:list", self.function),
            Right::Read(class) => write!(f, "{}:read:{}", self.function, word(class)),
            Right::Write(class) => write!(f, "{}:write:{}", self.function, word(class)),
            Right::Replace(class) => write!(f, "{}:replace:{}", self.function, word(class)),
        }
    }
}

impl FromStr for Grant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let class = |word: &str| {
            let unknown = || format!("no class {word:?}: `cargo xtask terraform grants` has them");
            Class::parse(word).with_context(unknown)
        };
        let (function, right) = match text.split(':').collect::<Vec<_>>()[..] {
            [function, "list"] => (function, Right::List),
            [function, "read", it] => (function, Right::Read(class(it)?)),
            [function, "write", it] => (function, Right::Write(class(it)?)),
            [function, "replace", it] => (function, Right::Replace(class(it)?)),
            _ => bail!(
                "{text:?} is no grant: say FUNCTION:list, FUNCTION:read:CLASS, \
                 FUNCTION:write:CLASS or FUNCTION:replace:CLASS"
            ),
        };
        Ok(Self { function: function.to_owned(), right })
    }
}
