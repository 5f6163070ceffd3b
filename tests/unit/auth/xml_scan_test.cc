#include "proxy/auth/xml_scan.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <thread>
#include <vector>

using namespace vsaproxy;
using namespace vsaproxy::auth;

namespace {

constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

// Writes down what it is told: "+{space}name@depth", "-depth", and the text of `text_of` as
// "'text'", with its raw bytes where they differ.
class Recorder final : public XmlHandler {
 public:
  explicit Recorder(std::string_view document, std::string_view text_of = "",
                    std::size_t most_starts = never)
      : document_(document), text_of_(text_of), most_starts_(most_starts) {}

  XmlInterest on_start(const XmlName& name, ByteRange tag, std::size_t depth) override {
    CHECK(tag.end <= document_.size());
    CHECK(tag.of(document_).front() == '<');
    CHECK(tag.of(document_).back() == '>');
    add(fmt::format("+{}{}@{}", name.space.empty() ? "" : fmt::format("{{{}}}", name.space),
                    name.local, depth));
    tags.emplace_back(tag.of(document_));
    ++starts_;
    return name.local == text_of_ ? XmlInterest::text : XmlInterest::tags;
  }
  void on_end(ByteRange tag, std::size_t depth) override {
    add(fmt::format("-{}", depth));
    tags.emplace_back(tag.of(document_));
  }
  void on_text(std::string_view text, ByteRange raw, XmlTextForm form) override {
    add(fmt::format("{}'{}'", form == XmlTextForm::cdata ? "cdata" : "", text));
    if (raw.of(document_) != text) log.append(fmt::format("({})", raw.of(document_)));
    all_text.append(text);
    all_raw.append(raw.of(document_));
  }
  bool has_enough() const override { return starts_ >= most_starts_; }

  std::string log;
  std::vector<std::string> tags;
  std::string all_text;
  std::string all_raw;

 private:
  void add(const std::string& entry) { log.append(log.empty() ? "" : " ").append(entry); }

  std::string_view document_;
  std::string_view text_of_;
  std::size_t most_starts_;
  std::size_t starts_ = 0;
};

// What the handler heard, or why the document was refused.
std::string scanned(std::string_view document, std::string_view text_of = "",
                    std::string_view encoding = "") {
  Recorder recorder(document, text_of);
  const auto read = scan_xml(document, encoding, recorder);
  if (read) return recorder.log;
  CHECK(read.error().kind == base::ErrorKind::bad_request);
  return "refused: " + read.error().detail;
}

bool is_refused(std::string_view document, std::string_view encoding = "") {
  return scanned(document, "", encoding).starts_with("refused: ");
}

}  // namespace

TEST_CASE("elements are told with their namespaces, whatever prefix stands for them") {
  const auto [document, heard] = GENERATE(table<std::string_view, std::string_view>({
      {"<a/>", "+a@0 -0"},
      {"<a><b></b><c/></a>", "+a@0 +b@1 -1 +c@1 -1 -0"},
      {"<a xmlns='u'><b/></a>", "+{u}a@0 +{u}b@1 -1 -0"},
      {"<p:a xmlns:p='u'><b/><p:b/></p:a>", "+{u}a@0 +b@1 -1 +{u}b@1 -1 -0"},
      {"<p:a xmlns:p='u'><p:b xmlns:p='v'/><p:b/></p:a>", "+{u}a@0 +{v}b@1 -1 +{u}b@1 -1 -0"},
      {"<a xmlns='u'><b xmlns=''><c/></b><b xmlns='v'/></a>",
       "+{u}a@0 +b@1 +c@2 -2 -1 +{v}b@1 -1 -0"},
      {"<p:a xmlns:p='u' xmlns:q='u'><q:b/></p:a>", "+{u}a@0 +{u}b@1 -1 -0"},
      {"<a xmlns='&#117;&#x20;v'/>", "+{u v}a@0 -0"},
  }));
  CAPTURE(document);
  CHECK(scanned(document) == heard);
}

TEST_CASE("each tag is told by its bytes, the end of an empty one by none") {
  constexpr std::string_view document =
      "\xEF\xBB\xBF<?xml version=\"1.0\"?>\r\n<!-- <a> --><a x='/>'\r\n><b /><?p "
      "<a>?><c>&lt;</c\t></a>\n";
  Recorder recorder(document);
  REQUIRE(scan_xml(document, "", recorder));
  CHECK(recorder.tags ==
        std::vector<std::string>{"<a x='/>'\r\n>", "<b />", "", "<c>", "</c\t>", "</a>"});
}

TEST_CASE("text is told decoded and as it stands, of the element that was asked for alone") {
  const auto [document, heard] = GENERATE(table<std::string_view, std::string_view>({
      {"<a>x<t>y</t>z</a>", "+a@0 +t@1 'y' -1 -0"},
      {"<t/>", "+t@0 -0"},
      {"<t>a&lt;b&amp;</t>", "+t@0 'a' '<'(&lt;) 'b' '&'(&amp;) -0"},
      {"<t>&#65;&#x42;</t>", "+t@0 'A'(&#65;) 'B'(&#x42;) -0"},
      {"<t><![CDATA[<a>&lt;]]>b</t>", "+t@0 cdata'<a>&lt;' 'b' -0"},
      {"<t><![CDATA[]]></t>", "+t@0 -0"},
      {"<t>a<!-- x -->b<?p x?>c</t>", "+t@0 'a' 'b' 'c' -0"},
      {"<t>a<b>c</b>d</t>", "+t@0 'a' +b@1 'c' -1 'd' -0"},
      {"<t>a<t>b</t>c</t>d", "refused"},
      {"<r><t>a</t>b<t>c</t></r>", "+r@0 +t@1 'a' -1 +t@1 'c' -1 -0"},
  }));
  CAPTURE(document);
  const std::string got = scanned(document, "t");
  CHECK((heard == "refused" ? got.substr(0, 7) : got) == heard);
}

TEST_CASE("line ends are told as one, with the bytes that they are") {
  CHECK(scanned("<t>\r\n</t>", "t") == "+t@0 '\n'(\r\n) -0");
  CHECK(scanned("<t>\r</t>", "t") == "+t@0 '\n'(\r) -0");
}

TEST_CASE("a handler that has enough is not told the rest, however bad it is") {
  const std::string_view document = "<a><b/><c></d>";
  Recorder recorder(document, "", 2);
  CHECK(scan_xml(document, "", recorder));
  CHECK(recorder.log.starts_with("+a@0 +b@1"));
  CHECK(recorder.log.find("+c") == std::string::npos);
}

TEST_CASE("what is not well-formed is refused, wherever it breaks") {
  const auto document =
      GENERATE(as<std::string_view>{}, "", " ", "text", "<", "<a", "<a>", "<a x", "<a x=1/>",
               "<a x='1'y='2'/>", "<a x='1' x='2'/>", "<a></b>", "<a><b></a></b>", "<a/><b/>",
               "<a/>x", "x<a/>", "</a>", "<a>&b;</a>", "<a>&</a>", "<a>&#0;</a>", "<a>&#xD800;</a>",
               "<a>&#x110000;</a>", "<a x='<'/>", "<a>]]></a>", "<a><![CDATA[</a>",
               "<a><!-- -- --></a>", "<a><!--</a>", "<a><?p</a>", "<a>\x01</a>", "<a>\xFF</a>",
               "<a>\xC3</a>", "<a>\xED\xA0\x80</a>", "<a>\xC0\xBC</a>", "<p:a/>", "<a p:x='1'/>",
               "<:a/>", "<a:b:c/>", "<a xmlns:p=''/>", "<a xmlns:xml='u'/>", "<a xmlns:xmlns='u'/>",
               "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>", "<1/>", "< a/>", "<a / >",
               " <?xml version='1.0'?><a/>", "<a><?xml version='1.0'?></a>");
  CAPTURE(document);
  CHECK(is_refused(document));
}

TEST_CASE("every document that is cut anywhere is refused") {
  constexpr std::string_view document =
      "<?xml version='1.0'?><p:a xmlns:p='u'><b x='1'>t&amp;<![CDATA[c]]><!-- d --></b></p:a>";
  REQUIRE_FALSE(is_refused(document));
  for (std::size_t size = 0; size < document.size(); ++size) {
    CAPTURE(size);
    CHECK(is_refused(document.substr(0, size)));
  }
}

TEST_CASE("a document type is refused, whatever is in it") {
  for (const std::string_view document :
       {"<!DOCTYPE a><a/>", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
        "<!DOCTYPE a [<!ENTITY e SYSTEM 'http://h/'>]><a>&e;</a>",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM 'u'> %p;]><a/>",
        "<!-- --><?p?><!DOCTYPE a [<!ENTITY a '&b;&b;'><!ENTITY b 'x'>]><a>&a;</a>"}) {
    CAPTURE(document);
    CHECK(scanned(document).find("document type") != std::string::npos);
  }
}

TEST_CASE("the depth is bounded, at a hundred") {
  const auto nested = [](int depth) {
    std::string document;
    for (int i = 0; i < depth; ++i) document += "<a>";
    for (int i = 0; i < depth; ++i) document += "</a>";
    return document;
  };
  CHECK_FALSE(is_refused(nested(100)));
  CHECK(scanned(nested(101)).find("nested too deeply") != std::string::npos);
  CHECK(is_refused(nested(100'000)));
}

TEST_CASE("encodings of one byte for a character are read, others are refused") {
  const auto with = [](std::string_view encoding) {
    return fmt::format("<?xml version='1.0' encoding='{}'?><t>a\xE9</t>", encoding);
  };
  for (const std::string_view encoding :
       {"windows-1252", "WINDOWS-1250", "iso-8859-1", "ISO-8859-15"}) {
    CAPTURE(encoding);
    CHECK(scanned(with(encoding), "t") == "+t@0 'a\xC3\xA9'(a\xE9) -0");
    CHECK(scanned("<t>a\xE9</t>", "t", encoding) == "+t@0 'a\xC3\xA9'(a\xE9) -0");
  }
  for (const std::string_view encoding : {"utf-7", "utf-16", "UTF-16LE", "utf-32", "ucs-4",
                                          "shift_jis", "gbk", "cp037", "x", "\xE9"}) {
    CAPTURE(encoding);
    CHECK(is_refused("<t>a</t>", encoding));
    CHECK(is_refused(fmt::format("<?xml version='1.0' encoding='{}'?><t>a</t>", encoding)));
  }
}

TEST_CASE("the encoding that stands outside wins over the document's own") {
  constexpr std::string_view document =
      "<?xml version='1.0' encoding='windows-1252'?><t>\xC3\xA9</t>";
  CHECK(scanned(document, "t") == "+t@0 '\xC3\x83\xC2\xA9'(\xC3\xA9) -0");
  CHECK(scanned(document, "t", "utf-8") == "+t@0 '\xC3\xA9' -0");
  CHECK(is_refused("<?xml version='1.0' encoding='windows-1252'?><t>\xE9</t>", "utf-8"));
  CHECK(is_refused("<t>\xE9</t>", "us-ascii"));
}

TEST_CASE("a mark of UTF-8 is read, one of another encoding is refused with the fix") {
  CHECK(scanned("\xEF\xBB\xBF<a/>") == "+a@0 -0");
  CHECK(is_refused("\xEF\xBB\xBF"));
  CHECK(is_refused("\xEF\xBB<a/>"));
  for (const std::string& document :
       {std::string("\xFF\xFE<\0a\0/\0>\0", 10), std::string("\xFE\xFF\0<\0a\0/\0>", 10),
        std::string("<\0a\0/\0>\0", 8), std::string("\0<\0a\0/\0>", 8),
        std::string("\xFF\xFE\0\0<\0\0\0", 8), std::string("\0\0\xFE\xFF", 4),
        std::string("\xFF\xFE", 2)}) {
    CHECK(scanned(document).find("UTF-16") != std::string::npos);
  }
}

TEST_CASE("an error has line and column, and repeats nothing of the document") {
  CHECK(scanned("<a>\n  <secret></b>\n</a>").ends_with("(line 2, column 13)"));
  for (const std::string_view document : {"<secret", "<secret>&secret;</secret>", "secret"}) {
    CHECK(scanned(document).find("secret") == std::string::npos);
  }
}

TEST_CASE("a document of several pieces is told with places in the whole") {
  // Tags, text and characters lie over the bounds of the pieces in which a parser gets it.
  std::string document = "<r>";
  while (document.size() < std::size_t{1200} * 1024) {
    document += fmt::format("<t n='{}'>a\xC3\xA9&amp;<![CDATA[c]]>\r\n</t>", document.size());
  }
  document += "</r>";
  Recorder recorder(document, "t");
  REQUIRE(scan_xml(document, "", recorder));
  std::size_t at = 0;
  for (const std::string& tag : recorder.tags) {
    at = document.find(tag, at);
    REQUIRE(at != std::string::npos);
  }
  const std::size_t count = (recorder.tags.size() - 2) / 2;
  CHECK(recorder.all_text.size() == count * std::string_view("a\xC3\xA9&c\n").size());
  CHECK(recorder.all_raw.size() == count * std::string_view("a\xC3\xA9&amp;c\r\n").size());
  CHECK(is_refused(document + "x"));
}

TEST_CASE("a document is read alike whatever was read before it, in every thread") {
  const auto check = [] {
    return scanned("<a xmlns='u'/>") == "+{u}a@0 -0" && scanned("<a/>") == "+a@0 -0";
  };
  CHECK(is_refused("<a xmlns='v'><b>"));
  CHECK(check());
  CHECK(scanned("<t>\xE9</t>", "t", "windows-1252") == "+t@0 '\xC3\xA9'(\xE9) -0");
  CHECK(is_refused("<t>\xE9</t>"));
  CHECK(is_refused("<!DOCTYPE a><a/>"));
  CHECK(check());
  bool is_same = false;
  std::thread([&] { is_same = check(); }).join();
  CHECK(is_same);
}

TEST_CASE("a thread's first document may be an empty one, or one that is cut") {
  for (const std::string_view document : {"", " ", "<", "\xEF\xBB\xBF"}) {
    std::string first;
    std::thread([&] { first = scanned(document); }).join();
    CAPTURE(document);
    CHECK(first.starts_with("refused: "));
  }
}

TEST_CASE("a handler may begin a scan of its own") {
  class Nested final : public XmlHandler {
   public:
    XmlInterest on_start(const XmlName&, ByteRange, std::size_t) override {
      inner += scanned("<x><y/></x>") + ";";
      return XmlInterest::tags;
    }
    void on_end(ByteRange, std::size_t depth) override { ends += std::to_string(depth); }
    std::string inner, ends;
  };
  Nested nested;
  REQUIRE(scan_xml("<a><b/></a>", "", nested));
  CHECK(nested.inner == "+x@0 +y@1 -1 -0;+x@0 +y@1 -1 -0;");
  CHECK(nested.ends == "10");
}

TEST_CASE("the five characters of XML are escaped, all others stay") {
  CHECK(xml_escape("") == "");
  CHECK(xml_escape("a<b>&\"'\xC3\xA9\n") == "a&lt;b&gt;&amp;&quot;&apos;\xC3\xA9\n");
  CHECK(xml_escape("&lt;") == "&amp;lt;");
  const std::string text = "<&>'\"]]>";
  CHECK(scanned("<t>" + xml_escape(text) + "</t>", "t").starts_with("+t@0 '<'(&lt;)"));
  Recorder recorder("<t>&lt;&amp;&gt;&apos;&quot;]]&gt;</t>", "t");
  REQUIRE(scan_xml("<t>&lt;&amp;&gt;&apos;&quot;]]&gt;</t>", "", recorder));
  CHECK(recorder.all_text == text);
}

TEST_CASE("text with control characters is none for XML") {
  CHECK(is_xml_text(""));
  CHECK(is_xml_text("a\t\n\r \x7F\xC3\xA9"));
  for (const char c : {'\0', '\x01', '\x08', '\x0B', '\x0C', '\x1F', '\x1B'}) {
    CHECK_FALSE(is_xml_text(std::string("a") + c));
  }
}
