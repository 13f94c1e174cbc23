use std::collections::BTreeSet;

use proptest::{collection::btree_set, prelude::*};

use super::*;

fn names() -> impl Strategy<Value = BTreeSet<String>> {
    btree_set("[a-d]{1,2}", 0..8)
}

fn set(names: &BTreeSet<String>) -> ScopeSet {
    names.iter().rev().map(|name| Scope::new(name).unwrap()).collect()
}

proptest! {
    #[test]
    fn operations_are_those_of_sets(a in names(), b in names(), name in "[a-d]{1,2}") {
        let (x, y) = (set(&a), set(&b));
        prop_assert_eq!(x.contains(&name), a.contains(&name));
        prop_assert_eq!(x.is_subset(&y), a.is_subset(&b));
        prop_assert_eq!(x.intersection(&y), set(&(&a & &b)));
        prop_assert_eq!(x.difference(&y), set(&(&a - &b)));
        prop_assert_eq!(x.union(&y), set(&(&a | &b)));
        prop_assert_eq!((x.len(), x.is_empty()), (a.len(), a.is_empty()));
        prop_assert!(x.iter().map(Scope::as_str).eq(a.iter().map(String::as_str)));
    }

    #[test]
    fn sets_survive_text_and_json(a in names()) {
        let a = set(&a);
        prop_assert_eq!(a.to_string().parse(), Ok(a.clone()));
        let json = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(serde_json::from_str::<ScopeSet>(&json).unwrap(), a);
    }

    #[test]
    fn names_are_accepted_exactly_when_the_pattern_matches(name in "[A-Za-z0-9._:/*-]{1,64}", other in "\\PC*") {
        let reserved = name == "AND" || name == "OR";
        prop_assert_eq!(Scope::new(&name).is_ok(), !reserved);
        let fits = (1..=64).contains(&other.len())
            && other.chars().all(|c| c.is_ascii_alphanumeric() || "._:/*-".contains(c))
            && other != "AND" && other != "OR";
        prop_assert_eq!(Scope::new(&other).is_ok(), fits);
    }
}

#[test]
fn names_outside_the_pattern_are_refused_with_the_reason() {
    for (name, error) in [
        ("", ScopeError::Empty),
        ("AND", ScopeError::Reserved),
        ("OR", ScopeError::Reserved),
        ("a b", ScopeError::BadCharacter),
        ("schlüssel", ScopeError::BadCharacter),
        ("a\n", ScopeError::BadCharacter),
        ("\"a\"", ScopeError::BadCharacter),
        (&"a".repeat(65), ScopeError::TooLong),
    ] {
        assert_eq!(Scope::new(name), Err(error), "{name:?}");
    }
    for name in ["queries:read", "read:databases", "admin", "*", "a/b.c_d-e", "and", "ANDOR", &"a".repeat(64)]
    {
        assert!(Scope::new(name).is_ok(), "{name}");
    }
}

#[test]
fn text_is_sorted_without_duplicates() {
    let set: ScopeSet = "  b a  b c ".parse().unwrap();
    assert_eq!(set.to_string(), "a b c");
    assert_eq!(serde_json::to_string(&set).unwrap(), r#"["a","b","c"]"#);
    assert_eq!("".parse(), Ok(ScopeSet::empty()));
    assert_eq!("a\tb".parse::<ScopeSet>(), Err(ScopeError::BadCharacter));
}

#[test]
fn errors_say_what_to_write() {
    for (error, sentence) in [
        (ScopeError::Empty, "Give the scope a name."),
        (ScopeError::TooLong, "Use at most 64 characters for a scope's name."),
        (ScopeError::BadCharacter, "Use only letters, digits and . _ : / * - in a scope's name."),
        (ScopeError::Reserved, "Choose another name: AND and OR are the words of scope expressions."),
    ] {
        assert_eq!(error.to_string(), sentence);
    }
}

#[test]
fn scopes_print_as_their_names() {
    let set: ScopeSet = "b a".parse().unwrap();
    let scope = set.iter().next().unwrap();
    assert_eq!(format!("{scope}|{scope:>3}|{scope:?}|{set:?}"), "a|  a|\"a\"|{\"a\", \"b\"}");
}
