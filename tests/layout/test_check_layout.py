"""Every rule of check_layout.py catches what it is for, and lets the rest pass."""
import contextlib
import io
import pathlib
import tempfile
import unittest

import check_layout

HEADER = "#pragma once\n// For a test.\n"


class CheckLayout(unittest.TestCase):
    def violations(self, name, text):
        """What is said about a program that consists of this file and two headers."""
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            for file, content in {"proxy/base/result.h": HEADER, "proxy/net/stream.h": HEADER,
                                  name: text}.items():
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                (root / file).write_text(content)
            return [*check_layout.check_program(root), *check_layout.check_tests(root)]

    def assert_caught(self, name, text, line, part):
        found = self.violations(name, text)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"{name}:{line}: "), found)
        self.assertIn(part, found[0])

    def assert_fine(self, name, text):
        self.assertEqual(self.violations(name, text), [])

    def test_a_folder_may_include_itself_and_earlier_ones(self):
        self.assert_fine("proxy/http/a.cc", '#include "proxy/base/result.h"\n')
        self.assert_fine("proxy/net/a.cc", '#include "proxy/net/stream.h"\n')
        self.assert_fine("proxy/main.cc", '#include "proxy/net/stream.h"\n')

    def test_an_include_of_a_later_folder_is_caught(self):
        self.assert_caught("proxy/http/a.cc", '#include <string>\n\n#include "proxy/net/stream.h"\n',
                           3, "http may not include net")

    def test_an_include_that_is_not_written_from_the_root_is_caught(self):
        self.assert_caught("proxy/base/a.cc", '#include "result.h"\n', 1, "from the root")
        self.assert_caught("proxy/base/a.cc", '#include "tests/support.h"\n', 1, "from the root")

    def test_an_include_of_a_missing_file_is_caught(self):
        self.assert_caught("proxy/base/a.cc", '#include "proxy/base/b.h"\n', 1, "not there")

    def test_a_folder_without_a_layer_is_caught(self):
        self.assertIn("no layer", self.violations("proxy/utils/a.cc", "")[0])

    def test_a_library_in_its_folder_is_fine(self):
        self.assert_fine("proxy/net/a.cc", "#include <event2/event.h>\n#include <sys/socket.h>\n")

    def test_a_library_in_another_folder_is_caught(self):
        for folder, header in [("relay", "event2/event.h"), ("cli", "yaml-cpp/parser.h"),
                               ("admin", "prometheus/registry.h"), ("ops", "CLI/CLI.hpp"),
                               ("net", "systemd/sd-daemon.h"), ("http", "zlib.h")]:
            self.assert_caught(f"proxy/{folder}/a.cc", f"#include <{header}>\n", 1, "not in")

    def test_a_library_that_nobody_uses_is_caught(self):
        for header in ["spdlog/spdlog.h", "catch2/catch.hpp", "boost/asio.hpp"]:
            self.assert_caught("proxy/net/a.cc", f"#include <{header}>\n", 1, "does not use")

    def test_a_thread_file_or_socket_in_a_pure_folder_is_caught(self):
        for header in ["thread", "fstream", "sys/socket.h", "unistd.h"]:
            self.assert_caught("proxy/auth/a.cc", f"#include <{header}>\n", 1, "no socket")

    def test_a_clock_in_a_pure_folder_is_caught(self):
        text = "auto now = std::chrono::steady_clock::now();\n"
        self.assert_caught("proxy/auth/a.cc", text, 1, "a clock")
        self.assert_fine("proxy/ops/a.cc", text)

    def test_manual_memory_is_caught(self):
        self.assert_caught("proxy/net/a.cc", "\nauto* a = new int;\n", 2, "new")
        self.assert_caught("proxy/net/a.cc", "delete a;\n", 1, "delete")
        self.assert_caught("proxy/net/a.cc", "auto* a = malloc(3);\n", 1, "C memory")

    def test_words_in_comments_and_texts_are_no_code(self):
        self.assert_fine("proxy/net/a.cc",
                         "A(const A&) = delete;\n// a new one\n/* delete\n it */\n"
                         'const char* a = "try { new } \\" catch";\nint n = 1\'000; char c = \'"\';\n')

    def test_exceptions_are_caught_outside_of_their_files(self):
        self.assert_caught("proxy/net/a.cc", "} catch (const E& e) {\n", 1, "exceptions")
        self.assert_fine("proxy/cli/command_line.cc", "} catch (const E& e) {\n")

    def test_a_file_of_more_than_500_lines_is_caught(self):
        self.assert_fine("proxy/net/a.cc", "\n" * 500)
        self.assert_caught("proxy/net/a.cc", "\n" * 501, 501, "500 lines")
        self.assert_caught("tests/unit/a_test.cc", "\n" * 501, 501, "500 lines")

    def test_a_header_without_a_purpose_is_caught(self):
        self.assert_caught("proxy/net/a.h", "#pragma once\n\n#include <string>\n", 1, "header")

    def test_words_that_are_not_ours_are_caught(self):
        self.assert_caught("proxy/net/a.cc", "// TODO: later\n", 1, "TODO")
        self.assert_caught("tests/unit/a_test.cc", "// the downstream side\n", 1, "downstream")

    def test_violations_make_the_check_fail(self):
        with tempfile.TemporaryDirectory() as directory, \
                contextlib.redirect_stdout(io.StringIO()) as output:
            root = pathlib.Path(directory)
            for folder in ["proxy/base", "config"]:
                (root / folder).mkdir(parents=True)
            (root / "proxy/base/result.cc").write_text('return "new_reason";\n')
            (root / "config/vsaproxy.yaml").write_text("version: 1\n\n")
            (root / "README.md").write_text("[gone](gone.md)\n```yaml\nversion: 1\n```\n")
            self.assertEqual(check_layout.main(root), 1)
            self.assertIn("gone.md leads nowhere", output.getvalue())
            self.assertIn("new_reason is not explained", output.getvalue())
            (root / "README.md").write_text("| `new_reason` |\n```yaml\nversion: 1\n```\n")
            self.assertEqual(check_layout.main(root), 0)


if __name__ == "__main__":
    unittest.main()
