use super::Secret;

#[test]
fn debug_shows_nothing() {
    let secret = Secret::from("hunter2".to_owned());
    assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(…) Secret(…)");
    assert_eq!(secret.expose(), "hunter2");
}

#[test]
fn comparison_is_of_the_text() {
    let secret = |text: &str| Secret::new(text.to_owned());
    assert_eq!(secret("a"), secret("a"));
    assert_ne!(secret("a"), secret("b"));
    assert_ne!(secret("a"), secret("aa"));
    assert_eq!(secret(""), secret(""));
}

#[test]
fn json_can_give_one() {
    assert_eq!(serde_json::from_str::<Secret>(r#""a\nb""#).unwrap().expose(), "a\nb");
}
