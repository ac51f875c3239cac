//! Conditionals: tokens -> tree.
//!
//! From loose to tight: `?:`, `||`, `&&`, the comparisons (`==` `!=` `=~` `!~` `includes`, left to right). `!` negates
//! a whole comparison.
//!
//! Elsewhere: whether the names exist and the types fit (`types`, `environment`).
//! Source: buildkite/conditional at af63d27, internal/parser. Of the errors it goes on to find after the first, none
//! is reported here.

use std::ops::Range;

use super::lexer::{self, Placed, Text, Token};
use super::regexp::Regexp;
use super::shell::Expansion;
use super::{ConditionalError, MAX_NESTING};

/// A node of the tree and its place in the text, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    pub(super) node: Node,
    pub(super) span: Range<usize>,
    /// How many levels there are, this one included.
    height: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    Boolean(bool),
    Null,
    Number(i64),
    Text(Text),
    Regexp(Regexp),
    Expansion(Expansion),
    /// Dots are part of the name.
    Variable(String),
    Call {
        function: String,
        arguments: Vec<Expression>,
    },
    Array(Vec<Expression>),
    Not(Box<Expression>),
    /// Two or more operands, so that a long chain is not a deep tree.
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Compare(Comparison, Box<(Expression, Expression)>),
    /// Condition, consequence, alternative.
    Choice(Box<(Expression, Expression, Expression)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Match,
    NotMatch,
    Includes,
}

impl Expression {
    fn new(node: Node, span: Range<usize>) -> Result<Self, ConditionalError> {
        let mut expression = Self {
            node,
            span,
            height: 0,
        };
        let below = expression.parts().map(|part| part.height).max();
        expression.height = 1 + below.unwrap_or(0);
        if expression.height > MAX_NESTING {
            return Err(ConditionalError::too_deep());
        }
        Ok(expression)
    }

    /// The nodes directly below, in the order written.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Self> {
        let (many, some): (&[Self], [Option<&Self>; 3]) = match &self.node {
            Node::Boolean(_)
            | Node::Null
            | Node::Number(_)
            | Node::Text(_)
            | Node::Regexp(_)
            | Node::Expansion(_)
            | Node::Variable(_) => (&[], [None; 3]),
            Node::Call {
                arguments: parts, ..
            }
            | Node::Array(parts)
            | Node::All(parts)
            | Node::Any(parts) => (parts, [None; 3]),
            Node::Not(part) => (&[], [Some(part), None, None]),
            Node::Compare(_, parts) => (&[], [Some(&parts.0), Some(&parts.1), None]),
            Node::Choice(parts) => (&[], [Some(&parts.0), Some(&parts.1), Some(&parts.2)]),
        };
        many.iter().chain(some.into_iter().flatten())
    }
}

/// Reads a condition that is not blank.
pub(super) fn parse(text: &str) -> Result<Expression, ConditionalError> {
    let mut parser = Parser {
        text,
        tokens: lexer::tokens(text)?,
        at: 0,
        nesting: 0,
    };
    if *parser.peek() == Token::End {
        return Err(ConditionalError::parse("empty expression"));
    }
    let expression = parser.expression(Binding::Loosest)?;
    let behind = &parser.tokens[parser.at];
    if behind.token == Token::End {
        return Ok(expression);
    }
    let name = behind.token.name();
    let message = format!(
        "unexpected token after expression: {name} ({:?})",
        behind.shown(text)
    );
    Err(ConditionalError::parse(message))
}

/// How tightly an operator holds its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Loosest,
    Choice,
    Any,
    All,
    Comparison,
    Call,
}

enum Operator {
    Choice,
    Any,
    All,
    Compare(Comparison),
    Call,
}

impl Operator {
    fn read(token: &Token) -> Option<(Self, Binding)> {
        let compare = |comparison| Some((Self::Compare(comparison), Binding::Comparison));
        match token {
            Token::Question => Some((Self::Choice, Binding::Choice)),
            Token::Or => Some((Self::Any, Binding::Any)),
            Token::And => Some((Self::All, Binding::All)),
            Token::Equal => compare(Comparison::Equal),
            Token::NotEqual => compare(Comparison::NotEqual),
            Token::Match => compare(Comparison::Match),
            Token::NotMatch => compare(Comparison::NotMatch),
            Token::Includes => compare(Comparison::Includes),
            Token::LeftParenthesis => Some((Self::Call, Binding::Call)),
            Token::Illegal(_)
            | Token::End
            | Token::Identifier
            | Token::Integer
            | Token::Text(_)
            | Token::Regexp { .. }
            | Token::Expansion(_)
            | Token::Bang
            | Token::Dot
            | Token::Colon
            | Token::Comma
            | Token::RightParenthesis
            | Token::LeftBracket
            | Token::RightBracket
            | Token::True
            | Token::False
            | Token::Null => None,
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Placed>,
    at: usize,
    nesting: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].token
    }

    /// Takes the next token; the end is never passed.
    fn next(&mut self) -> Placed {
        let placed = self.tokens[self.at].clone();
        if placed.token != Token::End {
            self.at += 1;
        }
        placed
    }

    fn expect(&mut self, token: &Token) -> Result<(), ConditionalError> {
        if self.peek() == token {
            self.next();
            return Ok(());
        }
        let (wanted, found) = (token.name(), self.peek().name());
        let message = format!("expected next token to be {wanted}, got {found} instead");
        Err(ConditionalError::parse(message))
    }

    /// From `start` to the last token taken.
    fn since(&self, start: usize) -> Range<usize> {
        start..self.tokens[self.at - 1].span.end
    }

    /// Reads an operand and all operators behind it that hold it tighter than `outer` does.
    fn expression(&mut self, outer: Binding) -> Result<Expression, ConditionalError> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(ConditionalError::too_deep());
        }
        let mut left = self.operand()?;
        while let Some((operator, binding)) = Operator::read(self.peek()) {
            if binding <= outer {
                break;
            }
            left = self.operation(left, &operator, binding)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expression, ConditionalError> {
        let Placed { token, span } = self.next();
        let node = match token {
            Token::True => Node::Boolean(true),
            Token::False => Node::Boolean(false),
            Token::Null => Node::Null,
            Token::Integer => Node::Number(integer(&self.text[span.clone()])?),
            Token::Text(text) => Node::Text(text),
            Token::Regexp { source, flags } => Node::Regexp(Regexp::compile(&source, &flags)?),
            Token::Expansion(expansion) => Node::Expansion(expansion),
            Token::Identifier => Node::Variable(identifier(&self.text[span.clone()])?),
            // The library has `!` hold tighter than a comparison, and then refuses `!a =~ b`; the server takes it.
            Token::Bang => Node::Not(Box::new(self.expression(Binding::All)?)),
            Token::LeftBracket => Node::Array(self.list(&Token::RightBracket)?),
            Token::LeftParenthesis => {
                let inside = self.expression(Binding::Loosest)?;
                self.expect(&Token::RightParenthesis)?;
                return Ok(inside);
            }
            Token::Illegal(_)
            | Token::End
            | Token::Dot
            | Token::Equal
            | Token::NotEqual
            | Token::Match
            | Token::NotMatch
            | Token::Includes
            | Token::And
            | Token::Or
            | Token::Question
            | Token::Colon
            | Token::Comma
            | Token::RightParenthesis
            | Token::RightBracket => {
                let message = format!("no prefix parse function for {} found", token.name());
                return Err(ConditionalError::parse(message));
            }
        };
        Expression::new(node, self.since(span.start))
    }

    /// Reads what stands behind `left`, whose operator is the next token.
    fn operation(
        &mut self,
        left: Expression,
        operator: &Operator,
        binding: Binding,
    ) -> Result<Expression, ConditionalError> {
        let start = left.span.start;
        self.next();
        let node = match operator {
            Operator::Any => Node::Any(self.chain(left, &Token::Or, binding)?),
            Operator::All => Node::All(self.chain(left, &Token::And, binding)?),
            Operator::Compare(comparison) => {
                let right = self.expression(binding)?;
                Node::Compare(*comparison, Box::new((left, right)))
            }
            Operator::Choice => {
                let consequence = self.expression(Binding::Loosest)?;
                self.expect(&Token::Colon)?;
                let alternative = self.expression(Binding::Loosest)?;
                Node::Choice(Box::new((left, consequence, alternative)))
            }
            Operator::Call => {
                let Node::Variable(function) = left.node else {
                    let message = "function call must be an identifier, got (";
                    return Err(ConditionalError::parse(message));
                };
                let arguments = self.list(&Token::RightParenthesis)?;
                Node::Call {
                    function,
                    arguments,
                }
            }
        };
        Expression::new(node, self.since(start))
    }

    /// Reads the operands of a whole chain, so that its length costs no more than itself.
    fn chain(
        &mut self,
        left: Expression,
        operator: &Token,
        binding: Binding,
    ) -> Result<Vec<Expression>, ConditionalError> {
        let mut operands = vec![left];
        loop {
            operands.push(self.expression(binding)?);
            if self.peek() != operator {
                return Ok(operands);
            }
            self.next();
        }
    }

    /// Reads expressions with commas between, up to `end`.
    fn list(&mut self, end: &Token) -> Result<Vec<Expression>, ConditionalError> {
        let mut items = vec![];
        if self.peek() == end {
            self.next();
            return Ok(items);
        }
        loop {
            items.push(self.expression(Binding::Loosest)?);
            if *self.peek() != Token::Comma {
                break;
            }
            self.next();
        }
        self.expect(end)?;
        Ok(items)
    }
}

/// As in Go, a leading zero makes the number octal.
fn integer(digits: &str) -> Result<i64, ConditionalError> {
    let radix = if digits.starts_with('0') { 8 } else { 10 };
    let number = i64::from_str_radix(digits, radix);
    number.map_err(|_| ConditionalError::parse(format!("could not parse {digits:?} as integer")))
}

fn identifier(name: &str) -> Result<String, ConditionalError> {
    if name.ends_with('.') || name.contains("..") {
        let message = format!("invalid dotted identifier: {name}");
        return Err(ConditionalError::parse(message));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::testing::check as check_answers;
    use super::*;

    /// The tree with all its parentheses.
    fn shown(expression: &Expression, text: &str) -> String {
        let source = || text[expression.span.clone()].to_owned();
        let parts: Vec<String> = expression.parts().map(|part| shown(part, text)).collect();
        match &expression.node {
            Node::Boolean(_)
            | Node::Null
            | Node::Text(_)
            | Node::Regexp(_)
            | Node::Expansion(_)
            | Node::Variable(_) => source(),
            Node::Number(number) => number.to_string(),
            Node::Call { function, .. } => format!("{function}({})", parts.join(", ")),
            Node::Array(_) => format!("[{}]", parts.join(", ")),
            Node::Not(_) => format!("!{}", parts[0]),
            Node::All(_) => format!("({})", parts.join(" && ")),
            Node::Any(_) => format!("({})", parts.join(" || ")),
            Node::Compare(comparison, _) => format!("({} {comparison:?} {})", parts[0], parts[1]),
            Node::Choice(_) => format!("({} ? {} : {})", parts[0], parts[1], parts[2]),
        }
    }

    /// Each case: a condition, and its tree or the error.
    fn check(cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            let found = match parse(text) {
                Ok(expression) => shown(&expression, text),
                Err(error) => error.to_string(),
            };
            assert_eq!(found, *expected, "for {text}");
        }
    }

    #[test]
    fn what_holds_tighter() {
        check(&[
            ("a || b && c", "(a || (b && c))"),
            ("a && b || c && d", "((a && b) || (c && d))"),
            ("a || b || c", "(a || b || c)"),
            ("(a || b) && c", "((a || b) && c)"),
            ("(a && b) && (c && d) && e", "((a && b) && (c && d) && e)"),
            ("a == b && c != d", "((a Equal b) && (c NotEqual d))"),
            ("a == b == c", "((a Equal b) Equal c)"),
            ("a == b includes c", "((a Equal b) Includes c)"),
            ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
            ("a ? b ? c : d : e", "(a ? (b ? c : d) : e)"),
            ("a || b ? c : d || e", "((a || b) ? c : (d || e))"),
            ("!a", "!a"),
            ("!!a", "!!a"),
            ("!a && b", "(!a && b)"),
            ("!a == b", "!(a Equal b)"),
            ("!a =~ /b/ || c", "(!(a Match /b/) || c)"),
            ("!a includes 'b'", "!(a Includes 'b')"),
            ("!(a) !~ /b/", "!(a NotMatch /b/)"),
            ("a == !b", "(a Equal !b)"),
            ("a == !b != c", "(a Equal !(b NotEqual c))"),
            ("!(a && b)", "!(a && b)"),
            ("!f(a)", "!f(a)"),
        ]);
    }

    #[test]
    fn operands() {
        check(&[
            ("((a))", "a"),
            ("[]", "[]"),
            ("[a, 'b', [c]]", "[a, 'b', [c]]"),
            ("f()", "f()"),
            ("build.env (\"A\")", "build.env(\"A\")"),
            ("(f)(a, b)", "f(a, b)"),
            ("$a", "$a"),
            ("${a-b}", "${a-b}"),
            ("12", "12"),
            ("010", "8"),
            ("0", "0"),
            ("9223372036854775807", "9223372036854775807"),
        ]);
    }

    #[test]
    fn what_is_no_condition() {
        check(&[
            ("// a", "empty expression"),
            (
                "a > b",
                r#"unexpected token after expression: ILLEGAL (">")"#,
            ),
            (
                "a = b",
                r#"unexpected token after expression: ILLEGAL ("=")"#,
            ),
            (
                "a @> b",
                r#"unexpected token after expression: ILLEGAL ("@")"#,
            ),
            (
                "a 'b'",
                r#"unexpected token after expression: STRING ("b")"#,
            ),
            (
                "a /b/ c",
                r#"unexpected token after expression: REGEXP ("b")"#,
            ),
            (
                "true false",
                r#"unexpected token after expression: FALSE ("false")"#,
            ),
            ("a)", r#"unexpected token after expression: ) (")")"#),
            ("'a'.b", r#"unexpected token after expression: . (".")"#),
            ("1a", r#"unexpected token after expression: IDENT ("a")"#),
            (
                "a $$",
                r#"unexpected token after expression: ILLEGAL ("$$")"#,
            ),
            ("a ==", "no prefix parse function for EOF found"),
            ("a != == b", "no prefix parse function for == found"),
            ("&& a", "no prefix parse function for && found"),
            ("!", "no prefix parse function for EOF found"),
            (".a", "no prefix parse function for . found"),
            ("'a", "no prefix parse function for ILLEGAL found"),
            (
                r#""\400" == """#,
                "no prefix parse function for ILLEGAL found",
            ),
            ("a =~ /b", "no prefix parse function for ILLEGAL found"),
            ("${a == b", "no prefix parse function for ILLEGAL found"),
            ("['a',]", "no prefix parse function for ] found"),
            ("()", "no prefix parse function for ) found"),
            ("(a", "expected next token to be ), got EOF instead"),
            ("(a b", "expected next token to be ), got IDENT instead"),
            ("[a b]", "expected next token to be ], got IDENT instead"),
            ("f(a", "expected next token to be ), got EOF instead"),
            ("a ? b", "expected next token to be :, got EOF instead"),
            ("'f'()", "function call must be an identifier, got ("),
            ("f()()", "function call must be an identifier, got ("),
            ("build..x", "invalid dotted identifier: build..x"),
            ("build.", "invalid dotted identifier: build."),
            ("08", r#"could not parse "08" as integer"#),
            (
                "99999999999999999999",
                r#"could not parse "99999999999999999999" as integer"#,
            ),
        ]);
        check_answers(&[(
            "nope >",
            r#"Parse: unexpected token after expression: ILLEGAL (">")"#,
        )]);
    }
}
