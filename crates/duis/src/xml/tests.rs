use super::*;

#[test]
fn a_dtd_is_refused_whatever_is_in_it() {
    for text in ["<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>", "<a>&x;</a>"]
    {
        let error = Document::parse(text).unwrap_err();
        assert!(matches!(error.kind, XmlErrorKind::NotXml(_)), "{error}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let limits = Limits { octets: 100, depth: 3 };
    assert!(Document::parse_within("<a><b><c/></b></a>", limits).is_ok());
    assert!(matches!(
        Document::parse_within("<a><b><c><d/></c></b></a>", limits).unwrap_err().kind,
        XmlErrorKind::NotXml(_)
    ));
    let long = format!("<a>{}</a>", " ".repeat(100));
    assert_eq!(
        Document::parse_within(&long, limits).unwrap_err().kind,
        XmlErrorKind::TooLong { found: 107, limit: 100 }
    );
}

#[test]
fn an_error_names_the_element_and_the_line() {
    let text = format!("<sr:a xmlns:sr=\"{NS_DUIS}\">\n<sr:b>\n <sr:c>300</sr:c></sr:b></sr:a>");
    let document = Document::parse(&text).unwrap();
    let mut children = document.root().children().unwrap();
    let error = children.expect("b").unwrap().children().unwrap().value::<u8>("c").unwrap_err();
    assert_eq!(error.to_string(), "\"300\" is not a whole number 0..255 at a/b/c (line 3)");
}

#[test]
fn what_a_type_does_not_expect_is_refused() {
    let read = |inner: &str| {
        let text = format!("<sr:a xmlns:sr=\"{NS_DUIS}\">{inner}</sr:a>");
        let document = Document::parse(&text).unwrap();
        let mut children = document.root().children().map_err(|e| e.kind)?;
        let value: u8 = children.value("b").map_err(|e| e.kind)?;
        children.end().map_err(|e| e.kind)?;
        Ok(value)
    };
    assert_eq!(read("<sr:b> 7 </sr:b>"), Ok(7));
    assert_eq!(read("<sr:b>7</sr:b><sr:c/>"), Err(XmlErrorKind::Unexpected("c".into())));
    assert_eq!(read("<sr:b>7</sr:b>x"), Err(XmlErrorKind::UnexpectedText("x".into())));
    assert_eq!(read("<sr:b y=\"1\">7</sr:b>"), Err(XmlErrorKind::UnexpectedAttribute("y".into())));
    assert_eq!(read("<sr:b><sr:c/></sr:b>"), Err(XmlErrorKind::Unexpected("c".into())));
    assert_eq!(read("<b>7</b>"), Err(XmlErrorKind::Expected { expected: "b", found: "`b`".into() }));
    assert_eq!(read(""), Err(XmlErrorKind::Expected { expected: "b", found: "the end".into() }));
}

#[test]
fn a_comment_inside_a_value_does_not_cut_it() {
    let text = format!("<sr:a xmlns:sr=\"{NS_DUIS}\">12<!-- x -->34<![CDATA[5]]></sr:a>");
    assert_eq!(Document::parse(&text).unwrap().root().value::<u32>(), Ok(12345));
}

#[test]
fn a_long_namespace_is_not_written_again_and_again() {
    let canonical = |octets: usize| {
        let text = format!("<a xmlns:n=\"{}\">{}</a>", "n".repeat(octets), "<n:b/>".repeat(2000));
        Document::parse(&text).unwrap().root().canonical()
    };
    let error = canonical(MAX_NAMESPACE + 1).unwrap_err();
    assert!(matches!(error.kind, XmlErrorKind::NotXml(_)), "{error}");
    assert!(canonical(MAX_NAMESPACE).unwrap().len() < 2000 * (MAX_NAMESPACE + 40));
    let attributes = format!("<a xmlns:n=\"{}\"><b n:c=\"\"/></a>", "n".repeat(MAX_NAMESPACE + 1));
    assert!(Document::parse(&attributes).unwrap().root().canonical().is_err());
}

#[test]
fn text_is_escaped_and_comes_back() {
    let value = "a < b & c > d \" ' \r\n\t]]> é";
    let text = Writer::document("a", "5.4", |w| w.text(value));
    let document = Document::parse(&text).unwrap();
    assert_eq!(document.root().text_beside_attributes().unwrap(), value);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}|(<[a-c/!?]{1,3}|>|[a-c \"=&;]|<!\\[CDATA\\[|\\]\\]>){0,40}") {
        let _ = Document::parse(&text).map(|d| d.root().canonical());
    }
}
