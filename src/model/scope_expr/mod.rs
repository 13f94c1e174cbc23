//! Scope expressions: `queries:read AND (dashboards:read OR admin)`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    scope::{Scope, ScopeSet, is_scope_byte},
    string_enum::FromText,
};

/// Scope names joined by `AND` and `OR`; `AND` binds tighter, parentheses group.
///
/// At most [`Self::MAX_LENGTH`] characters and [`Self::MAX_DEPTH`] parentheses deep. Its text is kept as written. It
/// may be parsed on every request, so it is one copy of the text and one vector of steps.
#[derive(Clone)]
pub struct ScopeExpr {
    text: Box<str>,
    /// In postfix order: operands before operators.
    steps: Vec<Step>,
}

#[derive(Clone, Copy)]
enum Step {
    /// `text[start..start + len]`.
    Name {
        start: u16,
        len: u8,
    },
    And,
    Or,
}

impl ScopeExpr {
    /// Maximum length, in characters.
    pub const MAX_LENGTH: usize = 1_000;
    /// Maximum depth of parentheses.
    pub const MAX_DEPTH: usize = 20;

    /// Parses an expression. An empty one is an error: omit the expression to require nothing.
    pub fn parse(text: &str) -> Result<Self, ScopeExprError> {
        if text.len() > Self::MAX_LENGTH && text.chars().nth(Self::MAX_LENGTH).is_some() {
            return Err(ScopeExprError { position: Self::MAX_LENGTH, problem: ScopeExprProblem::TooLong });
        }
        let mut parser = Parser { text, position: 0, steps: Vec::with_capacity(8) };
        let steps = parser.whole()?;
        Ok(Self { text: text.into(), steps })
    }

    /// Value of the expression, where `has` decides for each scope name.
    pub fn eval(&self, mut has: impl FnMut(&str) -> bool) -> bool {
        // Stack of operands, one bit each. Every level of parentheses leaves at most two (one before an OR, one before
        // an AND), so 2 × 20 + 3 bits are the maximum.
        const { assert!(2 * Self::MAX_DEPTH + 3 <= 64) };
        let mut stack = 0_u64;
        for step in &self.steps {
            let top = stack & 1;
            stack = match *step {
                Step::Name { start, len } => stack << 1 | u64::from(has(self.name(start, len))),
                Step::And => stack >> 1 & (!1 | top),
                Step::Or => stack >> 1 | top,
            };
        }
        stack == 1
    }

    /// Value of the expression for the scopes `granted`.
    pub fn eval_set(&self, granted: &ScopeSet) -> bool {
        self.eval(|name| granted.contains(name))
    }

    /// A smallest set of scopes that satisfies the expression: of two alternatives the one without scopes to avoid,
    /// then the one with fewer scopes, then the first.
    pub fn least(&self, avoid: impl Fn(&str) -> bool) -> ScopeSet {
        let cost = |set: &ScopeSet| (set.iter().any(|scope| avoid(scope.as_str())), set.len());
        let mut stack: Vec<ScopeSet> = Vec::new();
        for step in &self.steps {
            let set = match *step {
                Step::Name { start, len } => Scope::new(self.name(start, len)).into_iter().collect(),
                Step::And | Step::Or => {
                    let second = stack.pop().unwrap_or_default();
                    let first = stack.pop().unwrap_or_default();
                    match step {
                        Step::And => first.union(&second),
                        _ if cost(&second) < cost(&first) => second,
                        _ => first,
                    }
                }
            };
            stack.push(set);
        }
        stack.pop().unwrap_or_default()
    }

    /// The names in order, with repetitions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match *step {
            Step::Name { start, len } => Some(self.name(start, len)),
            Step::And | Step::Or => None,
        })
    }

    /// The expression as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn name(&self, start: u16, len: u8) -> &str {
        let start = usize::from(start);
        &self.text[start..start + usize::from(len)]
    }

    /// The steps with names instead of positions.
    fn resolved(&self) -> impl Iterator<Item = Result<&str, bool>> {
        self.steps.iter().map(|step| match *step {
            Step::Name { start, len } => Ok(self.name(start, len)),
            Step::And => Err(true),
            Step::Or => Err(false),
        })
    }
}

/// One method per rule of the grammar; each appends to `steps`.
///
/// ```text
/// either = both ("OR" both)*
/// both   = single ("AND" single)*
/// single = name | "(" either ")"
/// ```
struct Parser<'a> {
    text: &'a str,
    /// Bytes read so far. They are ASCII, so that the number is also one of characters.
    position: usize,
    steps: Vec<Step>,
}

#[derive(PartialEq, Eq)]
enum Token {
    Name { start: u16, len: u8 },
    And,
    Or,
    Open,
    Close,
    End,
}

impl Parser<'_> {
    fn whole(&mut self) -> Result<Vec<Step>, ScopeExprError> {
        if self.peek()?.0 == Token::End {
            return self.fail(ScopeExprProblem::Empty);
        }
        self.either(0)?;
        match self.peek()?.0 {
            Token::End => Ok(std::mem::take(&mut self.steps)),
            Token::Close => self.fail(ScopeExprProblem::UnopenedParenthesis),
            _ => self.fail(ScopeExprProblem::MissingOperator),
        }
    }

    fn either(&mut self, depth: usize) -> Result<(), ScopeExprError> {
        self.both(depth)?;
        while self.take(Token::Or)? {
            self.both(depth)?;
            self.steps.push(Step::Or);
        }
        Ok(())
    }

    fn both(&mut self, depth: usize) -> Result<(), ScopeExprError> {
        self.single(depth)?;
        while self.take(Token::And)? {
            self.single(depth)?;
            self.steps.push(Step::And);
        }
        Ok(())
    }

    fn single(&mut self, depth: usize) -> Result<(), ScopeExprError> {
        match self.peek()? {
            (Token::Name { start, len }, end) => {
                self.position = end;
                self.steps.push(Step::Name { start, len });
                Ok(())
            }
            (Token::Open, _) if depth == ScopeExpr::MAX_DEPTH => self.fail(ScopeExprProblem::TooDeep),
            (Token::Open, end) => {
                self.position = end;
                self.either(depth + 1)?;
                match self.peek()? {
                    (Token::Close, end) => self.position = end,
                    (Token::End, _) => return self.fail(ScopeExprProblem::UnclosedParenthesis),
                    _ => return self.fail(ScopeExprProblem::MissingOperator),
                }
                Ok(())
            }
            _ => self.fail(ScopeExprProblem::MissingName),
        }
    }

    /// Skips the next token if it is `wanted`.
    fn take(&mut self, wanted: Token) -> Result<bool, ScopeExprError> {
        let (token, end) = self.peek()?;
        let found = token == wanted;
        if found {
            self.position = end;
        }
        Ok(found)
    }

    /// The next token and its end; skips only the white space before it.
    fn peek(&mut self) -> Result<(Token, usize), ScopeExprError> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.position).is_some_and(u8::is_ascii_whitespace) {
            self.position += 1;
        }
        let start = self.position;
        match bytes.get(start) {
            None => return Ok((Token::End, start)),
            Some(b'(') => return Ok((Token::Open, start + 1)),
            Some(b')') => return Ok((Token::Close, start + 1)),
            Some(_) => {}
        }
        let len = bytes[start..].iter().take_while(|&&byte| is_scope_byte(byte)).count();
        let token = match &bytes[start..start + len] {
            [] => return self.fail(ScopeExprProblem::BadCharacter),
            b"AND" => Token::And,
            b"OR" => Token::Or,
            name if name.len() > Scope::MAX_LENGTH => return self.fail(ScopeExprProblem::NameTooLong),
            // Both fit: the text has at most 1,000 characters, the name at most 64.
            _ => Token::Name { start: start as u16, len: len as u8 },
        };
        Ok((token, start + len))
    }

    fn fail<T>(&self, problem: ScopeExprProblem) -> Result<T, ScopeExprError> {
        Err(ScopeExprError { position: self.position, problem })
    }
}

/// An error of an expression, with its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeExprError {
    /// Number of valid characters before it.
    pub position: usize,
    /// The error.
    pub problem: ScopeExprProblem,
}

/// Errors of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeExprProblem {
    /// Only white space.
    Empty,
    /// More than [`ScopeExpr::MAX_LENGTH`] characters.
    TooLong,
    /// Parentheses nested more than [`ScopeExpr::MAX_DEPTH`] deep.
    TooDeep,
    /// A character that is not allowed.
    BadCharacter,
    /// A name of more than [`Scope::MAX_LENGTH`] characters.
    NameTooLong,
    /// An operator, a `)` or the end where a name or a `(` is expected.
    MissingName,
    /// A name or a `(` where `AND`, `OR` or the end is expected.
    MissingOperator,
    /// A `(` without its `)`.
    UnclosedParenthesis,
    /// A `)` without its `(`.
    UnopenedParenthesis,
}

impl fmt::Display for ScopeExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = match self.problem {
            ScopeExprProblem::Empty => return f.write_str("Write at least one scope, or leave it out."),
            ScopeExprProblem::TooLong => return f.write_str("Use at most 1,000 characters."),
            ScopeExprProblem::TooDeep => "nest parentheses at most 20 deep",
            ScopeExprProblem::BadCharacter => {
                "use only scope names (letters, digits and . _ : / * -), AND, OR, spaces and parentheses"
            }
            ScopeExprProblem::NameTooLong => "use a scope name of at most 64 characters",
            ScopeExprProblem::MissingName => "write a scope name or an opening parenthesis",
            ScopeExprProblem::MissingOperator => "write AND or OR (in capitals) between two scopes",
            ScopeExprProblem::UnclosedParenthesis => "add the missing closing parenthesis",
            ScopeExprProblem::UnopenedParenthesis => "remove the closing parenthesis that nothing opened",
        };
        write!(f, "At character {}: {advice}.", self.position + 1)
    }
}

impl std::error::Error for ScopeExprError {}

impl FromStr for ScopeExpr {
    type Err = ScopeExprError;

    fn from_str(text: &str) -> Result<Self, ScopeExprError> {
        Self::parse(text)
    }
}

/// Equal if their steps are equal, whatever the spaces and needless parentheses.
impl PartialEq for ScopeExpr {
    fn eq(&self, other: &Self) -> bool {
        self.resolved().eq(other.resolved())
    }
}

impl Eq for ScopeExpr {}

impl fmt::Display for ScopeExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for ScopeExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Serialize for ScopeExpr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ScopeExpr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText::new("queries:read AND admin"))
    }
}

#[cfg(test)]
mod tests;
