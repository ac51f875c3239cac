//! Bodies put together from parts, some of which are JSON already.

use serde::Serialize;

/// One JSON value as text, without a newline.
pub(crate) fn json(shape: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(shape).expect("our shapes have string keys and finite numbers")
}

/// The inside of a JSON object: what stands between its braces.
pub(crate) fn members(shape: &impl Serialize) -> Vec<u8> {
    let mut text = json(shape);
    let last = text.pop();
    assert!(
        text.first() == Some(&b'{') && last == Some(b'}'),
        "only an object has members"
    );
    text.remove(0);
    text
}

/// A JSON object or array that is being written.
#[derive(Debug)]
pub(crate) struct Text {
    bytes: Vec<u8>,
    end: u8,
}

impl Text {
    pub(crate) fn object() -> Self {
        Self {
            bytes: vec![b'{'],
            end: b'}',
        }
    }

    pub(crate) fn array() -> Self {
        Self {
            bytes: vec![b'['],
            end: b']',
        }
    }

    /// Goes on behind what there is.
    fn next(&mut self) {
        if !matches!(self.bytes.last(), Some(b'{' | b'[')) {
            self.bytes.push(b',');
        }
    }

    /// Members of an object that are text already; perhaps none.
    pub(crate) fn members(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.next();
            self.bytes.extend_from_slice(text);
        }
    }

    /// A member of an object. Its name is written as it is.
    pub(crate) fn member(&mut self, name: &str, shape: &impl Serialize) {
        self.member_text(name, &json(shape));
    }

    /// A member whose value is text already.
    pub(crate) fn member_text(&mut self, name: &str, text: &[u8]) {
        self.next();
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
        self.bytes.extend_from_slice(text);
    }

    /// An item of an array, which is text already.
    pub(crate) fn item(&mut self, text: &[u8]) {
        self.next();
        self.bytes.extend_from_slice(text);
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.bytes.push(self.end);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Shape {
        a: u8,
        b: [u8; 0],
    }

    #[derive(Serialize)]
    struct Empty {}

    #[test]
    fn parts_make_the_json_that_one_shape_would() {
        let shape = Shape { a: 1, b: [] };
        assert_eq!(members(&shape), b"\"a\":1,\"b\":[]");
        assert_eq!(members(&Empty {}), b"");
        let mut array = Text::array();
        array.item(b"1");
        array.item(&Text::array().end());
        let mut object = Text::object();
        object.members(b"");
        object.members(&members(&shape));
        object.members(b"");
        object.member_text("c", &array.end());
        object.member("d", &"{");
        object.member("e", &2);
        let expected = "{\"a\":1,\"b\":[],\"c\":[1,[]],\"d\":\"{\",\"e\":2}";
        assert_eq!(String::from_utf8(object.end()).as_deref(), Ok(expected));
        assert_eq!(Text::object().end(), b"{}");
    }

    #[test]
    #[should_panic(expected = "only an object has members")]
    fn a_number_has_no_members() {
        members(&1);
    }
}
