#include "config/stores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/pipeline.h"

namespace trommel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Stores : public testing::Test {
 protected:
  Stores() : folder_(std::filesystem::temp_directory_path() / ("trommel_stores_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~Stores() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }

  StoreAddress read(const std::string& yaml) {
    problems_ = {};
    const Node node = parse_yaml(yaml, "p.yaml", nullptr, problems_);
    return StoreReader(real_env(), nullptr, folder_, kinds_, problems_).read("warehouse", node);
  }
  std::string mistakes_of(const std::string& yaml) {
    EXPECT_EQ(read(yaml).text, "");
    return problems_.text();
  }
  std::string file(const std::string& name) const { return "duckdb:" + (folder_ / name).string(); }

  std::filesystem::path folder_;
  std::vector<std::string> kinds_ = {"duckdb", "mysql"};
  Problems problems_;
};

TEST_F(Stores, AnAddressAndAMapSayTheSame) {
  EXPECT_EQ(read("duckdb:x.duckdb").text, file("x.duckdb"));
  EXPECT_EQ(read("{ type: duckdb, path: x.duckdb }").text, file("x.duckdb"));
  EXPECT_EQ(read("{ type: duckdb, database: x.duckdb }").text, file("x.duckdb"));
  EXPECT_EQ(read("{ path: x.duckdb }").text, file("x.duckdb"));
  EXPECT_EQ(read("mysql://u:p@h/d").text, "mysql://u:p@h/d");
  EXPECT_EQ(problems_.text(), "");
}

TEST_F(Stores, AServersAddressEscapesWhatWouldEndItsParts) {
  EXPECT_EQ(
      read("{ type: mysql, host: db.example, port: 3306, user: \"a@b\", password: \"p:/?#%é\", database: s }").text,
      "mysql://a%40b:p%3A%2F%3F%23%25%C3%A9@db.example:3306/s");
  EXPECT_EQ(read("{ type: mysql, host: h, database: s }").text, "mysql://h/s");
  EXPECT_EQ(problems_.text(), "");
}

TEST_F(Stores, CredentialsMayStandApart) {
  write("db_creds.yaml",
        "database:\n  type: mysql\n  host: h\n  user: root\n  port: 3307\n  password: hunter2\n  database: students\n");
  EXPECT_EQ(read("{ credentials: db_creds.yaml }").text, "mysql://root:hunter2@h:3307/students");
  // What stands in the pipeline file goes before, and may make a file of it: then the server's fields are left aside.
  const auto address = read("{ credentials: db_creds.yaml, type: duckdb, path: x.duckdb }");
  EXPECT_EQ(address.text, file("x.duckdb"));
  EXPECT_THAT(address.notes, ElementsAre("store `warehouse` is a file: host, port, user, password left aside"));
  EXPECT_EQ(read("{ credentials: db_creds.yaml, type: duckdb }").text, file("students"));
  EXPECT_EQ(problems_.text(), "");
}

TEST_F(Stores, WhatIsWrongIsSaid) {
  EXPECT_THAT(mistakes_of("{ type: duckbd, path: x }"),
              HasSubstr("p.yaml:1:9: unknown type `duckbd` of store `warehouse` (did you mean `duckdb`?)"));
  EXPECT_THAT(mistakes_of("{ type: oracle, host: x }"), HasSubstr("(known: duckdb, mysql)"));
  EXPECT_THAT(mistakes_of("{ path: x }"), HasSubstr("store `warehouse` needs `type` (one of duckdb, mysql)"));
  EXPECT_THAT(mistakes_of("{ type: mysql }"), HasSubstr("needs `host`"));
  EXPECT_THAT(mistakes_of("{ type: mysql, host: h }"), HasSubstr("needs `database`"));
  EXPECT_THAT(mistakes_of("{ type: mysql, host: h, path: x }"), HasSubstr("is a server, and has no `path`"));
  EXPECT_THAT(mistakes_of("{ type: mysql, host: h, database: d, port: 70000 }"), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(mistakes_of("{ type: duckdb, path: x, database: y }"), HasSubstr("name two things"));
  EXPECT_THAT(mistakes_of("{ credentials: none.yaml }"),
              HasSubstr("p.yaml:1:16: credentials `none.yaml` of store `warehouse` cannot be read"));
  write("flat.yaml", "host: h\npassword: hunter2\n");
  EXPECT_THAT(mistakes_of("{ credentials: flat.yaml }"), HasSubstr("flat.yaml:1:1: the credentials of store"));
  write("loop.yaml", "database: { credentials: loop.yaml }\n");
  EXPECT_THAT(mistakes_of("{ credentials: loop.yaml }"), HasSubstr("names no other one"));
}

TEST_F(Stores, NoMessageHoldsASecret) {
  for (const std::string text :
       {"database: { host: h, port: hunter2, password: x }", "database: { password: [hunter2] }",
        "database: { pasword: hunter2 }", "database: { user: hunter2, password: { hunter2: hunter2 } }",
        "database: { password: \"a${hunter2 }b\" }", "database: { password: \"a${hunter2}b\" }",
        "database: { password: !hunter2 x }", "database: [hunter2]", "hunter2", "database: { password: *hunter2 }",
        "database: { type: duckdb, user: hunter2, password: hunter2 }"}) {
    write("db_creds.yaml", text);
    const auto address = read("{ credentials: db_creds.yaml }");
    EXPECT_FALSE(problems_.empty()) << text;
    EXPECT_THAT(problems_.text(), Not(HasSubstr("hunter2"))) << text;
    for (const auto& note : address.notes) EXPECT_THAT(note, Not(HasSubstr("hunter2")));
  }
  EXPECT_THAT(mistakes_of("{ credentials: hunter2 }"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(mistakes_of("{ type: mysql, password: hunter2 }"), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace trommel
