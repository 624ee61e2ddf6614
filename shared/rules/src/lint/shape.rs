//! What a JSON Schema says of the value at a place, as far as a rule can clash with it.
//!
//! `$ref` within the schema, `allOf`, `anyOf`, `oneOf`, `properties`, `items` and `prefixItems` are
//! followed. What is not understood allows everything: nothing is said of a rule without a reason.

use std::fmt;

use serde_json::Value;

/// The most schemas that are looked at for one place.
const VIEWS_MAX: usize = 200;

/// Types that a value can have, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Types(u8);

const NAMES: [(&str, u8); 6] = [
    ("a boolean", 1),
    ("a number", 2),
    ("a text", 4),
    ("an array", 8),
    ("an object", 16),
    ("null", 32),
];

impl Types {
    pub(crate) const NUMBER: Self = Self(2);
    pub(crate) const TEXT: Self = Self(4);
    pub(crate) const ARRAY: Self = Self(8);
    const ALL: Self = Self(63);

    pub(crate) fn of(value: &Value) -> Self {
        Self(match value {
            Value::Bool(_) => 1,
            Value::Number(_) => 2,
            Value::String(_) => 4,
            Value::Array(_) => 8,
            Value::Object(_) => 16,
            Value::Null => 32,
        })
    }

    fn named(name: &str) -> Self {
        Self(match name {
            "boolean" => 1,
            "number" | "integer" => 2,
            "string" => 4,
            "array" => 8,
            "object" => 16,
            "null" => 32,
            _ => 63,
        })
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is a type that both have.
    pub(crate) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            NAMES.iter().filter(|(_, bit)| self.0 & bit != 0).map(|(name, _)| *name).collect();
        f.write_str(&names.join(" or "))
    }
}

/// What a schema says of a value: every schema that may apply to it.
#[derive(Clone, Debug)]
pub(crate) struct Shape<'a> {
    root: &'a Value,
    views: Vec<&'a Value>,
    /// Known without a schema.
    fixed: Option<Types>,
}

/// Where a step of a path leads.
pub(crate) enum Step<'a> {
    /// To this.
    To(Shape<'a>),
    /// The schema does not say.
    Unknown,
    /// The schema declares others, and forbids none.
    Undeclared,
    /// Nowhere, and why.
    Never(String),
}

impl<'a> Shape<'a> {
    pub(crate) fn of(root: &'a Value) -> Self {
        Self::at(root, &[root])
    }

    /// A value that was calculated.
    pub(crate) fn number() -> Self {
        Self { root: &Value::Null, views: Vec::new(), fixed: Some(Types::NUMBER) }
    }

    fn at(root: &'a Value, schemas: &[&'a Value]) -> Self {
        let mut views: Vec<&Value> = Vec::new();
        let mut waiting: Vec<&Value> = schemas.to_vec();
        while let Some(schema) = waiting.pop() {
            if views.len() >= VIEWS_MAX || views.iter().any(|view| std::ptr::eq(*view, schema)) {
                continue;
            }
            views.push(schema);
            let target = schema.get("$ref").and_then(Value::as_str);
            waiting.extend(target.and_then(|it| root.pointer(it.strip_prefix('#')?)));
            for word in ["allOf", "anyOf", "oneOf"] {
                waiting.extend(schema.get(word).and_then(Value::as_array).into_iter().flatten());
            }
        }
        Self { root, views, fixed: None }
    }

    /// The types that a value can have there.
    pub(crate) fn types(&self) -> Types {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let said = self.views.iter().filter_map(|view| types_of(view));
        said.reduce(Types::or).unwrap_or(Types::ALL)
    }

    /// The values that can be there, when `value` is none of them.
    pub(crate) fn refuses(&self, value: &Value) -> Option<String> {
        let mut all: Vec<&Value> = Vec::new();
        for view in &self.views {
            match (view.get("enum").and_then(Value::as_array), view.get("const")) {
                (Some(values), _) => all.extend(values),
                (None, Some(value)) => all.push(value),
                // An alternative that is open.
                (None, None) if types_of(view).is_some() => return None,
                (None, None) => (),
            }
        }
        let is_one = |it: &&Value| {
            domain::scalar::order(it, value).is_eq() && Types::of(it) == Types::of(value)
        };
        if all.is_empty() || all.iter().any(is_one) {
            return None;
        }
        let all: Vec<String> = all.iter().take(20).map(ToString::to_string).collect();
        Some(all.join(", "))
    }

    /// What is one step further: a field, a place in an array, or `*` for any.
    pub(crate) fn step(&self, name: &str) -> Step<'a> {
        let types = self.types();
        let mut found: Vec<&'a Value> = Vec::new();
        let (mut is_declared, mut is_closed) = (false, false);
        let is_place = name == "*" || name.bytes().all(|byte| byte.is_ascii_digit());
        for view in &self.views {
            if let Some(properties) = view.get("properties").and_then(Value::as_object) {
                is_declared |= !properties.is_empty();
                found.extend(properties.get(name));
            }
            match view.get("additionalProperties") {
                Some(Value::Bool(false)) => is_closed |= view.get("patternProperties").is_none(),
                Some(other @ Value::Object(_)) if found.is_empty() => found.push(other),
                _ => (),
            }
            if is_place {
                found.extend(view.get("items"));
                found.extend(
                    view.get("prefixItems").and_then(Value::as_array).into_iter().flatten(),
                );
            }
        }
        let can = if is_place { Types(8 | 16) } else { Types(16) };
        match () {
            () if !found.is_empty() => Step::To(Self::at(self.root, &found)),
            () if !types.meets(can) => Step::Never(format!("{name:?} is asked of {types}")),
            () if is_closed => Step::Never(format!("the schema forbids a field {name:?} there")),
            () if is_declared => Step::Undeclared,
            () => Step::Unknown,
        }
    }
}

fn types_of(view: &Value) -> Option<Types> {
    let all = |values: &[Value], of: fn(&Value) -> Types| values.iter().map(of).reduce(Types::or);
    match view.get("type") {
        Some(Value::String(name)) => return Some(Types::named(name)),
        Some(Value::Array(names)) => {
            return all(names, |name| Types::named(name.as_str().unwrap_or_default()));
        }
        _ => (),
    }
    match (view.get("enum"), view.get("const")) {
        (Some(Value::Array(values)), _) => all(values, Types::of),
        (_, Some(value)) => Some(Types::of(value)),
        _ => None,
    }
}
