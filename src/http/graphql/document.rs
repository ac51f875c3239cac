//! GraphQL documents, as far as requests need them: operations, fields with arguments, and inline fragments.
//!
//! Not read: named fragments, directives, subscriptions, block strings.
//! Source: the GraphQL specification, October 2021, section 2.

use std::fmt;

/// How deep braces and brackets may be nested: 32, so that no document can exhaust the stack.
const DEEPEST: usize = 32;

/// One operation of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    pub(super) name: Option<String>,
    pub(super) selections: Vec<Selection>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Query,
    Mutation,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Selection {
    Field(Field),
    /// `... on Type { }`
    Inline {
        on: String,
        selections: Vec<Selection>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// What the answer calls it.
    pub(super) alias: Option<String>,
    pub(super) name: String,
    pub(super) arguments: Vec<(String, Value)>,
    pub(super) selections: Vec<Selection>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Variable(String),
    String(String),
    /// A number, `true`, `false`, `null`, or a word of an enumeration, as it was written.
    Word(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// Why a document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Field {
    /// What the answer calls it.
    pub(super) fn key(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }

    pub(super) fn argument(&self, name: &str) -> Option<&Value> {
        let found = self.arguments.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }
}

/// Every operation of a document.
pub(super) fn read(text: &str) -> Result<Vec<Operation>, Unreadable> {
    let mut reader = Reader {
        tokens: tokens(text)?,
        at: 0,
    };
    let mut operations = Vec::new();
    while reader.peek().is_some() {
        operations.push(reader.operation()?);
    }
    if operations.is_empty() {
        return Err(Unreadable("the document has no operation".to_owned()));
    }
    Ok(operations)
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Number(String),
    String(String),
    /// One of `! $ ( ) : = [ ] { } | & @`, or `...` as `.`.
    Mark(char),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Number(text) => write!(f, "`{text}`"),
            Self::String(text) => write!(f, "{text:?}"),
            Self::Mark('.') => f.write_str("`...`"),
            Self::Mark(mark) => write!(f, "`{mark}`"),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Unreadable> {
    let mut rest = text;
    let mut tokens = Vec::new();
    loop {
        rest = rest
            .trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',' || c == '\u{feff}');
        let Some(first) = rest.chars().next() else {
            return Ok(tokens);
        };
        let length = match first {
            '#' => {
                rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
                continue;
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = rest
                    .bytes()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == b'_')
                    .count();
                tokens.push(Token::Name(rest[..length].to_owned()));
                length
            }
            '0'..='9' | '-' => {
                let is_part = |c: &u8| c.is_ascii_digit() || b"+-.eE".contains(c);
                let length = rest.bytes().take_while(is_part).count();
                tokens.push(Token::Number(rest[..length].to_owned()));
                length
            }
            '"' => {
                let (string, length) = string(rest)?;
                tokens.push(Token::String(string));
                length
            }
            '.' if rest.starts_with("...") => {
                tokens.push(Token::Mark('.'));
                3
            }
            '!' | '$' | '(' | ')' | ':' | '=' | '[' | ']' | '{' | '}' | '|' | '&' | '@' => {
                tokens.push(Token::Mark(first));
                1
            }
            other => return Err(Unreadable(format!("{other:?} has no place in a document"))),
        };
        rest = &rest[length..];
    }
}

/// A string with its quotes, and how long it is in the document. Its escapes are those of JSON.
fn string(text: &str) -> Result<(String, usize), Unreadable> {
    let mut escaped = false;
    let end = text[1..].find(|c: char| {
        let ends = c == '\n' || (c == '"' && !escaped);
        escaped = c == '\\' && !escaped;
        ends
    });
    let length = end.map_or(text.len(), |end| end + 2);
    let read = text
        .get(..length)
        .and_then(|text| serde_json::from_str(text).ok());
    let read = read
        .ok_or_else(|| Unreadable("a string is not closed, or has an unknown escape".to_owned()));
    Ok((read?, length))
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is_at(&self, mark: char) -> bool {
        self.peek() == Some(&Token::Mark(mark))
    }

    fn takes(&mut self, mark: char) -> bool {
        let is_at = self.is_at(mark);
        self.at += usize::from(is_at);
        is_at
    }

    fn expect(&mut self, mark: char) -> Result<(), Unreadable> {
        if self.takes(mark) {
            return Ok(());
        }
        Err(self.instead_of(&format!("`{mark}`")))
    }

    fn instead_of(&self, wanted: &str) -> Unreadable {
        Unreadable(match self.peek() {
            Some(token) => format!("expected {wanted}, not {token}"),
            None => format!("expected {wanted}, not the end"),
        })
    }

    fn name(&mut self) -> Result<String, Unreadable> {
        match self.peek() {
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            Some(Token::Number(_) | Token::String(_) | Token::Mark(_)) | None => {
                Err(self.instead_of("a name"))
            }
        }
    }

    fn operation(&mut self) -> Result<Operation, Unreadable> {
        if self.is_at('{') {
            return Ok(Operation {
                kind: Kind::Query,
                name: None,
                selections: self.selections(DEEPEST)?,
            });
        }
        let kind = match &*self.name()? {
            "query" => Kind::Query,
            "mutation" => Kind::Mutation,
            other => {
                let text = format!("expected `query` or `mutation`, not `{other}`");
                return Err(Unreadable(text));
            }
        };
        let name = match self.peek() {
            Some(Token::Name(_)) => Some(self.name()?),
            Some(Token::Number(_) | Token::String(_) | Token::Mark(_)) | None => None,
        };
        if self.takes('(') {
            // What types variables have is for a server that knows all types.
            while !self.takes(')') {
                if self.peek().is_none() {
                    return Err(self.instead_of("`)`"));
                }
                self.at += 1;
            }
        }
        let selections = self.selections(DEEPEST)?;
        Ok(Operation {
            kind,
            name,
            selections,
        })
    }

    fn selections(&mut self, depth: usize) -> Result<Vec<Selection>, Unreadable> {
        let depth = deeper(depth)?;
        self.expect('{')?;
        let mut selections = Vec::new();
        while !self.takes('}') {
            selections.push(self.selection(depth)?);
        }
        Ok(selections)
    }

    fn selection(&mut self, depth: usize) -> Result<Selection, Unreadable> {
        if self.takes('.') {
            if self.name()? != "on" {
                let text = "named fragments are not read: write them out";
                return Err(Unreadable(text.to_owned()));
            }
            return Ok(Selection::Inline {
                on: self.name()?,
                selections: self.selections(depth)?,
            });
        }
        let mut name = self.name()?;
        let mut alias = None;
        if self.takes(':') {
            alias = Some(std::mem::replace(&mut name, self.name()?));
        }
        let mut arguments = Vec::new();
        if self.takes('(') {
            while !self.takes(')') {
                let name = self.name()?;
                self.expect(':')?;
                arguments.push((name, self.value(depth)?));
            }
        }
        let selections = if self.is_at('{') {
            self.selections(depth)?
        } else {
            Vec::new()
        };
        Ok(Selection::Field(Field {
            alias,
            name,
            arguments,
            selections,
        }))
    }

    fn value(&mut self, depth: usize) -> Result<Value, Unreadable> {
        let depth = deeper(depth)?;
        if self.takes('$') {
            return Ok(Value::Variable(self.name()?));
        }
        if self.takes('[') {
            let mut items = Vec::new();
            while !self.takes(']') {
                items.push(self.value(depth)?);
            }
            return Ok(Value::List(items));
        }
        if self.takes('{') {
            let mut entries = Vec::new();
            while !self.takes('}') {
                let name = self.name()?;
                self.expect(':')?;
                entries.push((name, self.value(depth)?));
            }
            return Ok(Value::Object(entries));
        }
        let value = match self.peek() {
            Some(Token::String(text)) => Value::String(text.clone()),
            Some(Token::Name(word) | Token::Number(word)) => Value::Word(word.clone()),
            Some(Token::Mark(_)) | None => return Err(self.instead_of("a value")),
        };
        self.at += 1;
        Ok(value)
    }
}

fn deeper(depth: usize) -> Result<usize, Unreadable> {
    let text = format!("the document is nested more than {DEEPEST} deep");
    depth.checked_sub(1).ok_or(Unreadable(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Selection {
        Selection::Field(Field {
            alias: None,
            name: name.to_owned(),
            arguments: Vec::new(),
            selections: Vec::new(),
        })
    }

    #[test]
    fn a_mutation_is_read_as_clients_write_it() {
        let text = "\n# cancels\nmutation CancelJob($jobId: ID!, $n: [Int!] = 3) {\n  gone: jobTypeCommandCancel(input: {id: $jobId, \
                    clientMutationId: \"a\\n\\\"b\\\"\"}) { clientMutationId, ... on Payload { jobTypeCommand { id } } }\n}";
        let operations = read(text).expect("a document");
        let [operation] = &operations[..] else {
            panic!("{operations:?}")
        };
        assert_eq!(
            (operation.kind, operation.name.as_deref()),
            (Kind::Mutation, Some("CancelJob"))
        );
        let [Selection::Field(cancel)] = &operation.selections[..] else {
            panic!("{operation:?}")
        };
        assert_eq!(
            (cancel.key(), &*cancel.name),
            ("gone", "jobTypeCommandCancel")
        );
        let input = Value::Object(vec![
            ("id".to_owned(), Value::Variable("jobId".to_owned())),
            (
                "clientMutationId".to_owned(),
                Value::String("a\n\"b\"".to_owned()),
            ),
        ]);
        assert_eq!(cancel.argument("input"), Some(&input));
        let [first, Selection::Inline { on, selections }] = &cancel.selections[..] else {
            panic!("{cancel:?}")
        };
        assert_eq!((first, &**on), (&field("clientMutationId"), "Payload"));
        let [Selection::Field(job)] = &selections[..] else {
            panic!("{selections:?}")
        };
        assert_eq!(job.selections, [field("id")]);
    }

    #[test]
    fn shorthand_several_operations_and_every_kind_of_value() {
        let operations =
            read("{ a(b: [1, -2.5e3, null], c: ENUM, d: true) } query B { b }").expect("two");
        assert_eq!(operations.len(), 2);
        assert_eq!(operations[1].name.as_deref(), Some("B"));
        let [Selection::Field(a)] = &operations[0].selections[..] else {
            panic!("{operations:?}")
        };
        let word = |text: &str| Value::Word(text.to_owned());
        assert_eq!(
            a.argument("b"),
            Some(&Value::List(vec![word("1"), word("-2.5e3"), word("null")]))
        );
        assert_eq!(
            (a.argument("c"), a.argument("d")),
            (Some(&word("ENUM")), Some(&word("true")))
        );
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let deep = format!("{}{}", "{a".repeat(40), "}".repeat(40));
        let lists = format!("{{a(b: {}{})}}", "[".repeat(40), "]".repeat(40));
        let table = [
            ("", "the document has no operation"),
            ("# nothing", "the document has no operation"),
            ("{", "expected a name, not the end"),
            ("{ a(b) }", "expected `:`, not `)`"),
            ("{ a(b: ) }", "expected a value, not `)`"),
            (
                "subscription { a }",
                "expected `query` or `mutation`, not `subscription`",
            ),
            ("query A($a: Int", "expected `)`, not the end"),
            (
                "{ ...Parts }",
                "named fragments are not read: write them out",
            ),
            (
                "{ a(b: \"x) }",
                "a string is not closed, or has an unknown escape",
            ),
            (
                "{ a(b: \"\\q\") }",
                "a string is not closed, or has an unknown escape",
            ),
            ("{ % }", "'%' has no place in a document"),
            ("{ ä }", "'ä' has no place in a document"),
            (&deep, "the document is nested more than 32 deep"),
            (&lists, "the document is nested more than 32 deep"),
        ];
        for (text, why) in table {
            assert_eq!(read(text).expect_err(text).to_string(), why, "{text}");
        }
    }
}
