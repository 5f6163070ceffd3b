#include "proxy/settings/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "proxy/settings/source_text.h"

namespace vsaproxy::settings {
namespace {

constexpr std::size_t most_depth = 16;
constexpr std::size_t most_nodes = 20000;

// Thrown by the builder through yaml-cpp, to stop reading.
struct Stop {
  YAML::Mark mark;
  std::string_view message;
};

// Turns yaml-cpp's marks into places. Of a mark only the offset is right where the text ends early.
class Source {
 public:
  explicit Source(std::string_view text) : text_(text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }

  Spot spot(const YAML::Mark& mark, std::string_view value = {}) const {
    const auto offset = std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), text_.size());
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
    const auto start = *(next - 1);
    const auto end = std::min(text_.find_first_of("\r\n", offset), text_.size());
    const auto characters = count_characters(text_.substr(start, offset - start));
    return {{static_cast<int>(next - starts_.begin()), static_cast<int>(characters) + 1},
            length_of(text_.substr(offset, end - offset), value)};
  }

 private:
  // Of a value as it is written, quotes included, up to the end of its first line.
  static std::size_t length_of(std::string_view rest, std::string_view value) {
    if (value.empty() && !rest.starts_with('"') && !rest.starts_with('\'')) return 1;
    if (rest.starts_with('"') || rest.starts_with('\'')) {
      const auto end = rest.find(rest.front(), 1);
      if (end != std::string_view::npos) return count_characters(rest.substr(0, end + 1));
    } else if (rest.starts_with(value)) {
      return count_characters(value);
    }
    const auto end = rest.find_last_not_of(' ');
    return end == std::string_view::npos ? 1 : count_characters(rest.substr(0, end + 1));
  }

  std::string_view text_;
  std::vector<std::size_t> starts_ = {0};  // of lines
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const Source& source, Problems& problems) : source_(source), problems_(problems) {}

  std::optional<YamlNode> take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (started_) throw Stop{mark, "a second document is not allowed: remove the \"---\""};
    started_ = true;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, "?", anchor);
    put(make(YamlNode::Kind::null, mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    problems_.add(source_.spot(mark), no_anchors);
    put(make(YamlNode::Kind::null, mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, tag, anchor);
    auto node = make(YamlNode::Kind::scalar, mark, value);
    node.text = value;
    node.is_quoted = tag == "!";  // yaml-cpp's word for it; "?" is plain
    put(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check(mark, tag, anchor);
    open(make(YamlNode::Kind::sequence, mark));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check(mark, tag, anchor);
    open(make(YamlNode::Kind::mapping, mark));
  }
  void OnMapEnd() override { close(); }

 private:
  static constexpr const char* no_anchors =
      "anchors and aliases are not supported: write the value out";

  // A container that is still open; of a mapping, the key whose value comes next.
  struct Frame {
    YamlNode node;
    std::optional<YamlNode> key;
  };

  void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) problems_.add(source_.spot(mark), no_anchors);
    if (!tag.empty() && tag != "?" && tag != "!") {
      problems_.add(source_.spot(mark), "tags are not supported: remove the one with \"!\"");
    }
  }

  YamlNode make(YamlNode::Kind kind, const YAML::Mark& mark, std::string_view value = {}) {
    if (++nodes_ > most_nodes) throw Stop{mark, "the file has too many values"};
    YamlNode node;
    node.kind = kind;
    node.spot = source_.spot(mark, value);
    return node;
  }

  void open(YamlNode node) {
    if (frames_.size() == most_depth) throw Stop{{}, "the file is nested too deeply"};
    frames_.push_back({std::move(node), std::nullopt});
  }

  void close() {
    auto node = std::move(frames_.back().node);
    frames_.pop_back();
    put(std::move(node));
  }

  void put(YamlNode node) {
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& [parent, key] = frames_.back();
    if (parent.kind == YamlNode::Kind::sequence) {
      parent.children.push_back(std::move(node));
    } else if (!key) {
      check_key(node);
      key = std::move(node);
    } else {
      node.key = std::move(key->text);
      node.key_spot = key->spot;
      if (node.kind == YamlNode::Kind::null) node.spot = key->spot;
      parent.children.push_back(std::move(node));
      key.reset();
    }
  }

  void check_key(const YamlNode& key) {
    if (!key.is_scalar()) {
      problems_.add(key.spot, "a key must be a single word");
    } else if (key.text == "<<") {
      problems_.add(key.spot, "merge keys are not supported: write the keys out");
    }
  }

  const Source& source_;
  Problems& problems_;
  std::vector<Frame> frames_;
  std::optional<YamlNode> root_;
  std::size_t nodes_ = 0;
  bool started_ = false;
};

// yaml-cpp's own texts, up to where they repeat something of the file.
std::string explain(const std::string& message) {
  if (message == "end of map not found" || message == "illegal map value") {
    return "not valid YAML: no \"key: value\" here or on the line before; check the indentation "
           "and "
           "the space after each colon, and put a value that has a colon in quotes";
  }
  if (message == "unknown token") {
    return "not valid YAML: a character here has a meaning of its own; put the value in quotes";
  }
  return "not valid YAML: " + message.substr(0, message.find(':'));
}

}  // namespace

std::optional<YamlNode> parse_yaml(std::string_view text, Problems& problems) {
  check_characters(text, problems);
  if (!problems.empty()) return std::nullopt;
  const Source source(text);
  TreeBuilder builder(source, problems);
  try {
    std::istringstream input{std::string(text)};
    YAML::Parser parser(input);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stop) {
    problems.add(source.spot(stop.mark), std::string(stop.message));
  } catch (const YAML::Exception& error) {
    problems.add(source.spot(error.mark), explain(error.msg));
  }
  auto root = builder.take();
  if (problems.empty() && (!root || root->kind == YamlNode::Kind::null)) {
    problems.add({}, "the file is empty: it needs at least version, listen and upstreams");
  }
  if (!problems.empty()) return std::nullopt;
  return root;
}

}  // namespace vsaproxy::settings
