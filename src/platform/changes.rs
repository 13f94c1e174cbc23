//! The details of a change in the log, in one shape: `{"name": {"from": "a", "to": "b"}}`.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// A member of a change: unchanged (`None`), cleared (`Some(None)`) or set.
pub type Edit<T> = Option<Option<T>>;

/// The members in which two states differ; none when they are equal. The states must not hold secrets.
pub fn between(before: &impl Serialize, after: &impl Serialize) -> Option<Box<Value>> {
    let (before, mut after) = (members(before), members(after));
    let mut changes = Map::new();
    for (name, from) in before {
        let to = after.remove(&name).unwrap_or(Value::Null);
        if from != to {
            changes.insert(name, member(from, to));
        }
    }
    for (name, to) in after {
        changes.insert(name, member(Value::Null, to));
    }
    if changes.is_empty() { None } else { Some(Box::new(Value::Object(changes))) }
}

/// One changed member, for details that have further members.
pub fn member(from: impl Serialize, to: impl Serialize) -> Value {
    json!({ "from": from, "to": to })
}

fn members(state: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(state) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_are_listed() {
        let before = json!({ "name": "a", "tier": "free", "owner": null });
        let after = json!({ "name": "b", "tier": "free", "owner": "acme" });
        let changes = between(&before, &after).unwrap();
        assert_eq!(
            *changes,
            json!({ "name": { "from": "a", "to": "b" }, "owner": { "from": null, "to": "acme" } })
        );
        assert_eq!(between(&before, &before), None);
    }
}
