"""Checks what the compiler doesn't: which folder includes which, where each library is used, how
long files are, and who owns memory. Prints one line for each violation.

    python3 check_layout.py [ROOT]
"""
import pathlib
import re
import sys

# A folder includes itself and folders before it.
LAYERS = ["base", "http", "routing", "auth", "settings",
          "ops", "net", "tokens", "relay", "admin", "cli"]
PURE = LAYERS[:5]  # no socket, clock, file or thread

# Where a library may be included. To use one in another folder, say so here.
LIBRARIES = {
    "CLI/": {"cli"},
    "event2/": {"net"},
    "expat.h": {"auth"},
    "linux/": {"net", "cli"},
    "fmt/": {*LAYERS, "main.cc"},
    "openssl/": {"base", "auth", "ops", "net", "tokens", "relay", "cli"},
    "prometheus/": {"ops"},
    "rapidjson/": {"auth", "settings", "relay", "cli"},
    "systemd/": {"cli"},
    "termios.h": {"cli"},
    "tl/expected.hpp": {"base"},
    "yaml-cpp/": {"settings"},
    "zlib.h": {"relay"},
}
POSIX = re.compile(r"(sys|netinet|arpa)/\w+\.h|"
                   r"(fcntl|malloc|netdb|poll|pthread|pwd|grp|signal|spawn|unistd)\.h")
STANDARD = re.compile(r"[a-z_0-9]+")  # <vector>; the C headers as <cstring>
IMPURE = {"thread", "mutex", "condition_variable", "future", "fstream", "fcntl.h", "netdb.h",
          "poll.h", "pthread.h", "sys/socket.h", "sys/stat.h", "unistd.h"}

# Where a library's exceptions end.
MAY_CATCH = {"proxy/settings/yaml_tree.cc", "proxy/cli/command_line.cc",
             "proxy/net/background_task.cc", "proxy/relay/key_checker.cc"}

MOST_LINES = 500
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT_OR_TEXT = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>\w*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|'
    r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.DOTALL)
FORBIDDEN = [
    (re.compile(r"\bnew\b"), "new: use a container or std::make_unique"),
    (re.compile(r"(?<!=)(?<!= )\bdelete\b"), "delete: let an owner end it"),
    (re.compile(r"\b(malloc|calloc|realloc|free|strdup)\s*\("), "C memory: use a container"),
]
EXCEPTIONS = re.compile(r"\b(catch|throw)\b")
CLOCK = re.compile(r"_clock::now\b|\b(time|gettimeofday|clock_gettime)\s*\(")
WORDS = re.compile(r"\bTODO\b|\bFIXME\b|\bdownstream\b", re.IGNORECASE)


def code_of(text):
    """The text without comments and literals; lines stay where they are."""
    return COMMENT_OR_TEXT.sub(lambda match: "\n" * match[0].count("\n"), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def check_project_include(root, folder, included):
    parts = included.split("/")
    if parts[0] != "proxy":
        return f'"{included}" is not written from the root, as "proxy/base/result.h"'
    if not (root / included).is_file():
        return f'"{included}" is not there'
    if folder == "main.cc":
        return None
    if parts[1] not in LAYERS:
        return f'"{included}" is in no layer'
    if LAYERS.index(parts[1]) > LAYERS.index(folder):
        return f'"{included}": {folder} may not include {parts[1]}, a later layer'
    return None


def check_library_include(folder, included):
    if folder in PURE and included in IMPURE:
        return f"<{included}>: {folder} has no socket, file or thread"
    if STANDARD.fullmatch(included) or POSIX.fullmatch(included):
        return None
    for prefix, folders in LIBRARIES.items():
        if included.startswith(prefix):
            return None if folder in folders else f"<{included}>: not in {folder}"
    return f"<{included}>: a library that this project does not use"


def check_includes(root, folder, text):
    for match in INCLUDE.finditer(text):
        if match[1] == '"':
            complaint = check_project_include(root, folder, match[2])
        else:
            complaint = check_library_include(folder, match[2])
        if complaint:
            yield line_of(text, match.start()), complaint


def check_code(name, folder, text):
    code = code_of(INCLUDE.sub("", text))
    rules = list(FORBIDDEN)
    if name not in MAY_CATCH:
        rules.append((EXCEPTIONS, "exceptions: say it with a Result"))
    if folder in PURE:
        rules.append((CLOCK, "a clock: take the time as an argument"))
    for pattern, complaint in rules:
        for match in pattern.finditer(code):
            yield line_of(code, match.start()), complaint


def check_size_and_words(text):
    count = text.count("\n")
    if count > MOST_LINES:
        yield count, f"more than {MOST_LINES} lines"
    for match in WORDS.finditer(text):
        yield line_of(text, match.start()), f'"{match[0]}" is not written here'


def check_program(root):
    for path in sorted((root / "proxy").rglob("*")):
        if path.suffix not in (".cc", ".h"):
            continue
        name = str(path.relative_to(root))
        folder = path.relative_to(root).parts[1]
        if folder not in [*LAYERS, "main.cc"]:
            yield f"{name}: the folder is in no layer"
            continue
        text = path.read_text()
        for check in (check_includes(root, folder, text), check_code(name, folder, text),
                      check_size_and_words(text)):
            for line, complaint in check:
                yield f"{name}:{line}: {complaint}"
        if path.suffix == ".h" and not text.startswith("#pragma once\n//"):
            yield f"{name}:1: a header begins with #pragma once and what it is for"


def check_tests(root):
    for path in sorted((root / "tests").rglob("*")):
        if path.suffix in (".cc", ".h", ".py") and path.parent.name != "layout":
            for line, complaint in check_size_and_words(path.read_text()):
                yield f"{path.relative_to(root)}:{line}: {complaint}"


def check_documents(root):
    """Links between documents, and the README against the program."""
    for path in [root / "README.md", *sorted(root.glob("[a-z]*/**/README.md"))]:
        if "build" in path.relative_to(root).parts or not path.is_file():
            continue
        for match in re.finditer(r"\]\(([^)#:]+)\)", path.read_text()):
            if not (path.parent / match[1]).exists():
                yield f"{path.relative_to(root)}: the link to {match[1]} leads nowhere"
    readme = (root / "README.md").read_text()
    answers = (root / "proxy/base/result.cc").read_text().partition("client_gone")[0]
    for reason in re.findall(r'return "(\w+)"', answers):
        if f"| `{reason}` |" not in readme:
            yield f"README.md: the reason {reason} is not explained"
    shipped = (root / "config/vsaproxy.yaml").read_text().partition("\n\n")[0]
    if f"```yaml\n{shipped}\n```" not in readme:
        yield "README.md: the smallest file differs from the first lines of config/vsaproxy.yaml"


def main(root):
    violations = [*check_program(root), *check_tests(root), *check_documents(root)]
    for violation in violations:
        print(violation)
    return 1 if violations else 0


if __name__ == "__main__":
    default = pathlib.Path(__file__).resolve().parents[2]
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default))
