use proptest::{collection::vec, prelude::*};

use super::*;

/// The plain tree that expressions are compared with.
#[derive(Debug, Clone)]
enum Tree {
    Name(String),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
}

impl Tree {
    fn eval(&self, has: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Name(name) => has(name),
            Self::And(a, b) => a.eval(has) && b.eval(has),
            Self::Or(a, b) => a.eval(has) || b.eval(has),
        }
    }

    /// With parentheses only where the grammar needs them, or around everything that is not a name.
    fn print(&self, everywhere: bool) -> String {
        let wrap = |tree: &Self, needed: bool| {
            let text = tree.print(everywhere);
            let joined = !matches!(tree, Self::Name(_));
            if joined && (needed || everywhere) { format!("({text})") } else { text }
        };
        match self {
            Self::Name(name) => name.clone(),
            Self::And(a, b) => {
                format!("{} AND {}", wrap(a, matches!(**a, Self::Or(..))), wrap(b, true))
            }
            Self::Or(a, b) => format!("{} OR {}", wrap(a, false), wrap(b, matches!(**b, Self::Or(..)))),
        }
    }

    fn names(&self) -> Vec<&str> {
        match self {
            Self::Name(name) => vec![name],
            Self::And(a, b) | Self::Or(a, b) => [a.names(), b.names()].concat(),
        }
    }
}

fn any_tree() -> impl Strategy<Value = Tree> {
    "[a-f]|[a-f]:[a-f*]".prop_map(Tree::Name).prop_recursive(12, 60, 2, |inner| {
        (inner.clone(), inner, any::<bool>()).prop_map(|(a, b, and)| {
            let (a, b) = (Box::new(a), Box::new(b));
            if and { Tree::And(a, b) } else { Tree::Or(a, b) }
        })
    })
}

fn problem(text: &str) -> (usize, ScopeExprProblem) {
    let error = ScopeExpr::parse(text).expect_err(text);
    (error.position, error.problem)
}

proptest! {
    #[test]
    fn means_what_the_tree_means(tree in any_tree(), held in vec("[a-f]|[a-f]:[a-f*]", 0..12)) {
        let held: ScopeSet = held.iter().map(|name| Scope::new(name).unwrap()).collect();
        let expected = tree.eval(&|name| held.contains(name));
        for everywhere in [false, true] {
            let text = tree.print(everywhere);
            let expr = ScopeExpr::parse(&text).unwrap();
            prop_assert_eq!(expr.eval_set(&held), expected);
            prop_assert!(expr.names().eq(tree.names()));
            prop_assert_eq!(expr.to_string(), text);
        }
        prop_assert_eq!(ScopeExpr::parse(&tree.print(false)), ScopeExpr::parse(&tree.print(true)));
    }

    #[test]
    fn survives_text_and_json(tree in any_tree()) {
        let expr = ScopeExpr::parse(&tree.print(false)).unwrap();
        prop_assert_eq!(&ScopeExpr::parse(&expr.to_string()).unwrap(), &expr);
        let json = serde_json::to_string(&expr).unwrap();
        prop_assert_eq!(&serde_json::from_str::<ScopeExpr>(&json).unwrap(), &expr);
    }

    #[test]
    fn spaces_mean_nothing(tree in any_tree(), space in "[ \t\r\n]{1,3}") {
        let text = tree.print(true);
        let wide = text.replace(' ', &space).replace('(', &format!("{space}({space}"));
        prop_assume!(wide.len() <= ScopeExpr::MAX_LENGTH);
        prop_assert_eq!(ScopeExpr::parse(&wide), ScopeExpr::parse(&text));
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        if let Err(error) = ScopeExpr::parse(&text) {
            prop_assert!(error.position <= text.len());
        }
    }

    #[test]
    fn arbitrary_tokens_never_panic(tokens in vec("AND|OR|\\(|\\)| |a|b:c|é", 0..120)) {
        let text = tokens.join(" ");
        match ScopeExpr::parse(&text) {
            Ok(expr) => {
                prop_assert!(expr.eval(|_| true), "no expression of AND and OR refuses who holds everything");
                prop_assert!(!expr.eval(|_| false), "nor admits who holds nothing");
                prop_assert_eq!(ScopeExpr::parse(expr.as_str()).unwrap(), expr);
            }
            Err(error) => prop_assert!(error.to_string().ends_with('.')),
        }
    }
}

#[test]
fn and_binds_tighter() {
    let expr = ScopeExpr::parse("a OR b AND c").unwrap();
    assert_eq!(expr, ScopeExpr::parse("a OR (b AND c)").unwrap());
    assert_ne!(expr, ScopeExpr::parse("(a OR b) AND c").unwrap());
    assert_ne!(expr, ScopeExpr::parse("a OR b AND d").unwrap());
    let holds = |held: &str| expr.eval_set(&held.parse().unwrap());
    assert!(holds("a") && holds("b c") && !holds("b") && !holds("c") && !holds(""));
}

#[test]
fn every_mistake_is_found_at_its_place() {
    use ScopeExprProblem::*;
    for (text, expected) in [
        ("", (0, Empty)),
        ("  \t", (3, Empty)),
        ("AND", (0, MissingName)),
        ("a AND", (5, MissingName)),
        ("a OR OR b", (5, MissingName)),
        ("a AND )", (6, MissingName)),
        ("()", (1, MissingName)),
        ("a b", (2, MissingOperator)),
        ("a and b", (2, MissingOperator)),
        ("(a) (b)", (4, MissingOperator)),
        ("(a b)", (3, MissingOperator)),
        ("(a", (2, UnclosedParenthesis)),
        ("a)", (1, UnopenedParenthesis)),
        ("a & b", (2, BadCharacter)),
        ("a AND ключ", (6, BadCharacter)),
        ("a\0", (1, BadCharacter)),
    ] {
        assert_eq!(problem(text), expected, "{text:?}");
    }
    assert_eq!(problem(&format!("a OR {}", "b".repeat(65))), (5, NameTooLong));
    assert!(ScopeExpr::parse(&"b".repeat(64)).is_ok());
    assert_eq!(
        ScopeExpr::parse("a and b").unwrap_err().to_string(),
        "At character 3: write AND or OR (in capitals) between two scopes."
    );
}

#[test]
fn parentheses_may_be_20_deep() {
    let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(ScopeExpr::parse(&nested(20)).unwrap().eval(|name| name == "a"));
    assert_eq!(problem(&nested(21)), (20, ScopeExprProblem::TooDeep));
    assert_eq!(problem(&"(".repeat(1_000)), (20, ScopeExprProblem::TooDeep));
}

#[test]
fn the_fullest_stack_of_operands_is_right() {
    // Each level has one waiting operand before an OR and one before an AND.
    let text = format!("{}c{}", "a OR b AND (".repeat(20), ")".repeat(20));
    let expr = ScopeExpr::parse(&text).unwrap();
    assert!(expr.eval(|name| name == "a"));
    assert!(expr.eval(|name| name != "a"));
    assert!(!expr.eval(|name| name == "b"));
    assert!(!expr.eval(|name| name == "c"));
}

#[test]
fn a_thousand_characters_are_the_most() {
    let mut text = "a OR ".repeat(199);
    text.push_str("bcdef");
    assert_eq!(text.len(), 1_000);
    assert!(ScopeExpr::parse(&text).unwrap().eval(|name| name == "bcdef"));
    text.push(' ');
    assert_eq!(problem(&text), (1_000, ScopeExprProblem::TooLong));
    // Characters are counted, not bytes, so that the position in the message is right.
    assert_eq!(problem(&"é".repeat(1_000)), (0, ScopeExprProblem::BadCharacter));
    assert_eq!(problem(&"é".repeat(1_001)), (1_000, ScopeExprProblem::TooLong));
}

#[test]
fn the_least_set_avoids_what_grants_all_and_satisfies_the_expression() {
    for (text, least) in [
        ("queries:read", "queries:read"),
        ("admin OR queries:read", "queries:read"),
        ("queries:read AND (dashboards:read OR admin)", "dashboards:read queries:read"),
        ("a AND b OR c", "c"),
        ("a OR b", "a"),
        ("admin", "admin"),
        ("(a OR admin) AND (b AND c OR d)", "a d"),
    ] {
        let expression = ScopeExpr::parse(text).unwrap();
        let set = expression.least(|name| name == "admin");
        assert_eq!(set.to_string(), least, "{text}");
        assert!(expression.eval_set(&set), "{text}");
    }
}

#[test]
fn it_prints_as_it_was_written() {
    let text = "(a  OR b)";
    let expr = ScopeExpr::parse(text).unwrap();
    assert_eq!((expr.as_str(), format!("{expr:?}")), (text, format!("{text:?}")));
}
