//! HTTP operations as clients see them. Each crate that answers HTTP describes its routes with these types, beside
//! the code that answers: its router is built from them, and so is the OpenAPI document.

pub mod problem;

use problem::*;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads.
    Get,
    /// Asks for something to be done.
    Post,
}

impl Method {
    /// As a path item of OpenAPI names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "get",
            Method::Post => "post",
        }
    }
}

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Accounts and tokens.
    SignIn,
    /// What users read of themselves.
    Me,
    /// Games and rooms.
    Games,
    /// What was played.
    History,
    /// Paying in.
    Payments,
    /// Messages.
    Messages,
    /// The socket.
    Socket,
    /// For operators and other programs.
    Service,
    /// What operators see and do.
    Operators,
}

/// What a request has to bring so that it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Open,
    /// An access token.
    Bearer,
    /// An access token of an operator.
    Operator,
    /// An access token, for one of the bodies that it takes.
    BearerOrNothing,
    /// The refresh token's cookie.
    RefreshCookie,
    /// The same; without it there is nothing to do, and that is well.
    RefreshCookieOrNothing,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// A header.
    Header,
}

/// How a type's schema is made.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A value beside the body.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Where it stands.
    pub place: Place,
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub description: &'static str,
    /// Whether it has to be there.
    pub is_required: bool,
    /// What it may be.
    pub schema: Schema,
    /// One that fits.
    pub example: Value,
}

/// The body of a request.
#[derive(Debug, Clone)]
pub struct RequestBody {
    /// Its media type is `application/json` in each case.
    pub schema: SchemaOf,
    /// Whether it has to be there.
    pub is_required: bool,
    /// Ones that fit, each with its name.
    pub examples: Vec<(&'static str, Value)>,
}

/// What an answer's body is.
#[derive(Debug, Clone)]
pub enum AnswerBody {
    /// None.
    Empty,
    /// JSON of this media type.
    Json {
        /// The media type.
        media_type: &'static str,
        /// The JSON.
        schema: SchemaOf,
        /// One that fits.
        example: Value,
    },
    /// `text/plain`, such as this.
    Text(&'static str),
}

/// A header of an answer.
#[derive(Debug, Clone, Copy)]
pub struct AnswerHeader {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub description: &'static str,
}

/// An answer's value that another operation takes as a parameter.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// The link's name.
    pub name: &'static str,
    /// Which operation.
    pub operation: &'static str,
    /// Which of its parameters.
    pub parameter: &'static str,
    /// Where the value is: a JSON Pointer into the body.
    pub pointer: &'static str,
}

/// An answer that is no problem document.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// When it is given.
    pub description: &'static str,
    /// Its body.
    pub body: AnswerBody,
    /// Its headers that clients have to know.
    pub headers: Vec<AnswerHeader>,
    /// Where one goes from here.
    pub links: Vec<Link>,
}

impl Answer {
    /// Of JSON, such as this.
    pub fn json<T: JsonSchema + Serialize>(
        status: u16,
        description: &'static str,
        example: &T,
    ) -> Answer {
        Answer::json_of("application/json", status, description, example)
    }

    /// The same, of another media type.
    pub fn json_of<T: JsonSchema + Serialize>(
        media_type: &'static str,
        status: u16,
        description: &'static str,
        example: &T,
    ) -> Answer {
        let body = AnswerBody::Json {
            media_type,
            schema: |generator| generator.subschema_for::<T>(),
            example: value_of(example),
        };
        Answer::of(status, description, body)
    }

    /// Without a body.
    pub fn empty(status: u16, description: &'static str) -> Answer {
        Answer::of(status, description, AnswerBody::Empty)
    }

    /// Of plain text, such as this.
    pub fn text(status: u16, description: &'static str, example: &'static str) -> Answer {
        Answer::of(status, description, AnswerBody::Text(example))
    }

    fn of(status: u16, description: &'static str, body: AnswerBody) -> Answer {
        Answer {
            status,
            description,
            body,
            headers: Vec::new(),
            links: Vec::new(),
        }
    }

    /// With a header.
    pub fn header(mut self, name: &'static str, description: &'static str) -> Answer {
        self.headers.push(AnswerHeader { name, description });
        self
    }

    /// With a way on.
    pub fn link(mut self, link: Link) -> Answer {
        self.links.push(link);
        self
    }
}

/// A limit on how often one may ask; beyond it the answer is 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RateLimit {
    /// Whose requests are counted together: `address`, `email`, `user`.
    pub per: &'static str,
    /// How many at once, and in the long run within the period.
    pub requests: u32,
    /// The period.
    pub period_s: u32,
}

/// A route as clients see it.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its method.
    pub method: Method,
    /// Its path, with `{name}` for each parameter.
    pub path: &'static str,
    /// Unlike any other's, for generated clients.
    pub id: &'static str,
    /// What it is about.
    pub tag: Tag,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What else one has to know.
    pub description: &'static str,
    /// What it asks for.
    pub access: Access,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Its body.
    pub body: Option<RequestBody>,
    /// What it answers.
    pub answers: Vec<Answer>,
    /// Why it refuses or fails.
    pub problems: Vec<ProblemKind>,
    /// How often one may ask, with the defaults.
    pub limits: Vec<RateLimit>,
}

impl Operation {
    /// One that reads.
    pub fn get(path: &'static str, id: &'static str, tag: Tag) -> Operation {
        Operation::new(Method::Get, path, id, tag)
    }

    /// One that asks for something to be done.
    pub fn post(path: &'static str, id: &'static str, tag: Tag) -> Operation {
        Operation::new(Method::Post, path, id, tag)
    }

    /// One that answers plainly whatever happens, for who watches the process.
    pub fn probe(path: &'static str, id: &'static str) -> Operation {
        Operation {
            problems: Vec::new(),
            ..Operation::new(Method::Get, path, id, Tag::Service)
        }
    }

    fn new(method: Method, path: &'static str, id: &'static str, tag: Tag) -> Operation {
        Operation {
            method,
            path,
            id,
            tag,
            summary: "",
            description: "",
            access: Access::Open,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            problems: vec![TIMEOUT, INTERNAL, UNAVAILABLE],
            limits: Vec::new(),
        }
    }

    /// About something else.
    pub fn tagged(mut self, tag: Tag) -> Operation {
        self.tag = tag;
        self
    }

    /// What it does, in a few words, and what else one has to know.
    pub fn says(mut self, summary: &'static str, description: &'static str) -> Operation {
        (self.summary, self.description) = (summary, description);
        self
    }

    /// What it asks for.
    pub fn access(mut self, access: Access) -> Operation {
        self.access = access;
        match access {
            Access::Open | Access::RefreshCookieOrNothing => self,
            Access::Bearer | Access::BearerOrNothing => {
                self.refuses(&[UNAUTHENTICATED, TOKEN_EXPIRED, ACCOUNT_CLOSED])
            }
            Access::Operator => {
                self.refuses(&[UNAUTHENTICATED, TOKEN_EXPIRED, ACCOUNT_CLOSED, FORBIDDEN])
            }
            Access::RefreshCookie => self.refuses(&[UNAUTHENTICATED, ACCOUNT_CLOSED]),
        }
    }

    /// With a parameter.
    pub fn parameter(mut self, parameter: Parameter) -> Operation {
        self.parameters.push(parameter);
        self
    }

    /// With a body, such as these.
    pub fn body<T: JsonSchema + Serialize, const N: usize>(
        mut self,
        is_required: bool,
        examples: [(&'static str, T); N],
    ) -> Operation {
        self.body = Some(RequestBody {
            schema: |generator| generator.subschema_for::<T>(),
            is_required,
            examples: examples
                .map(|(name, example)| (name, value_of(&example)))
                .into(),
        });
        self.refuses(&[INVALID_FORMAT, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE])
    }

    /// With a body that is read when its signature was found to be right, such as this.
    pub fn signed_body<T: JsonSchema + Serialize>(mut self, example: T) -> Operation {
        let of_ours = self.problems.clone();
        self = self.body(true, [("event", example)]);
        self.problems = of_ours;
        self
    }

    /// With an answer.
    pub fn answers(mut self, answer: Answer) -> Operation {
        self.answers.push(answer);
        self
    }

    /// With ways to be refused or to fail.
    pub fn refuses(mut self, problems: &[ProblemKind]) -> Operation {
        for problem in problems {
            if !self.problems.contains(problem) {
                self.problems.push(*problem);
            }
        }
        self
    }

    /// With limits on how often one may ask.
    pub fn limited(mut self, limits: &[RateLimit]) -> Operation {
        self.limits.extend_from_slice(limits);
        self.refuses(&[RATE_LIMITED])
    }
}

/// Our own types become JSON in any case.
fn value_of(example: &impl Serialize) -> Value {
    serde_json::to_value(example).unwrap_or_default()
}
