#include "engine/commit_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace trommel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Plans of which nothing is bound: two sources, each with a way to a sink, in the order of a plan.
class CommitGroups : public ::testing::Test {
 protected:
  CommitGroups() {
    pipeline_.file = "p.yaml";
    plan_.state_folder = "state";
    plan_.endless = true;
    add(PlanNode::Kind::source, "a");
    add(PlanNode::Kind::source, "b");
    add(PlanNode::Kind::transform, "tidy", {0});
    sink("of_a", "duckdb:a.duckdb", 2);
    sink("of_b", "duckdb:b.duckdb", 1);
  }

  void add(PlanNode::Kind kind, const std::string& name, std::vector<size_t> inputs = {}) {
    PlanNode node;
    node.kind = kind;
    node.name = name;
    node.inputs = std::move(inputs);
    for (const size_t input : node.inputs) plan_.nodes[input].outputs.push_back(plan_.nodes.size());
    plan_.nodes.push_back(std::move(node));
  }
  void sink(const std::string& name, const std::string& store, size_t input) {
    Part part;
    part.name = name;
    part.store = store;
    part.place = {"p.yaml", static_cast<int>(10 + pipeline_.sinks.size()), 3};
    pipeline_.sinks.push_back(part);
    add(PlanNode::Kind::sink, name, {input});
    plan_.nodes.back().store = store;
  }
  void connect(size_t from, size_t to) {
    plan_.nodes[to].inputs.push_back(from);
    plan_.nodes[from].outputs.push_back(to);
  }

  std::vector<CommitGroup> groups(bool has_run = false) {
    return commit_groups(plan_, pipeline_, has_run, known_, problems_);
  }

  Pipeline pipeline_;
  Plan plan_;
  KnownGroups known_;
  Problems problems_;
};

TEST_F(CommitGroups, AreTheConnectedParts) {
  const auto found = groups();
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_THAT(found[0].nodes, ElementsAre(0, 2, 3));
  EXPECT_EQ(found[0].name, "a");
  EXPECT_EQ(found[0].folder, "state");
  EXPECT_THAT(found[1].nodes, ElementsAre(1, 4));
  EXPECT_EQ(found[1].folder, "state/groups/b");
  EXPECT_THAT(known_.groups[0].parts, ElementsAre("sink of_a", "source a", "transform tidy"));
  const auto again = groups(true);
  ASSERT_THAT(again, SizeIs(2));
  EXPECT_EQ(again[1].folder, "state/groups/b");
}

TEST_F(CommitGroups, OfOneStoreAreOne) {
  plan_.nodes[4].store = plan_.nodes[3].store;
  EXPECT_THAT(groups(), SizeIs(1));
}

TEST_F(CommitGroups, OfARunThatEndsAreOne) {
  plan_.endless = false;
  EXPECT_THAT(groups(), SizeIs(1));
}

TEST_F(CommitGroups, WhatRanAsOneGoesOnAsOne) {
  EXPECT_THAT(groups(true), SizeIs(1));
  EXPECT_THAT(known_.groups, SizeIs(1));
  EXPECT_THAT(groups(true), SizeIs(1)) << "and is known to be one from then on";
}

TEST_F(CommitGroups, PartsOfAKnownOneStayTogether) {
  known_.groups = {{"a", "", {"source a", "sink of_b"}}};
  const auto found = groups(true);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].nodes, ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(CommitGroups, GoOnWhereTheyWereThoughTheirSourceIsAnother) {
  (void)groups();
  plan_.nodes[1].name = "c";
  const auto found = groups(true);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[1].folder, "state/groups/b");
  EXPECT_THAT(known_.groups[1].parts, ElementsAre("sink of_b", "source b", "source c"));
}

TEST_F(CommitGroups, ANewOneGetsAStateOfItsOwn) {
  known_.groups = {{"b", "", {"source b", "sink of_b"}}};
  const auto found = groups(true);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].name, "b") << "the first is the one of the state folder itself";
  EXPECT_EQ(found[1].folder, "state/groups/a");
}

TEST_F(CommitGroups, TwoThatWereConnectedAreAProblem) {
  (void)groups();
  connect(1, 3);
  groups(true);
  EXPECT_THAT(problems_.text(), HasSubstr("`a` and `b` are connected now"));
  EXPECT_THAT(problems_.text(), HasSubstr("run --reset"));
}

TEST_F(CommitGroups, HavePlansOfTheirOwn) {
  const auto found = groups();
  const Plan plan = plan_of_group(plan_, found[0], 2);
  ASSERT_THAT(plan.nodes, SizeIs(3));
  EXPECT_EQ(plan.nodes[2].name, "of_a");
  EXPECT_THAT(plan.nodes[2].inputs, ElementsAre(1));
  EXPECT_THAT(plan.nodes[0].outputs, ElementsAre(1));
  EXPECT_THAT(plan.nodes[0].inputs, IsEmpty());
}

TEST_F(CommitGroups, AreKeptInTheStateFolder) {
  const std::string folder = std::filesystem::temp_directory_path() / ("trommel-groups-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  Env& env = real_env();
  EXPECT_THAT(read_known_groups(env, folder)->groups, IsEmpty());
  EXPECT_THAT(group_folders(env, folder), SizeIs(1));
  plan_.state_folder = folder;
  (void)groups();
  ASSERT_TRUE(write_known_groups(env, folder, known_));
  EXPECT_EQ(*read_known_groups(env, folder), known_);
  const auto folders = group_folders(env, folder);
  ASSERT_THAT(folders, SizeIs(2));
  EXPECT_EQ(folders[0].folder, folder);
  EXPECT_EQ(folders[1].folder, folder + "/groups/b");
  for (const char* damaged : {"", "{", "{\"format\":2,\"groups\":[]}", "{\"format\":1,\"groups\":[{\"name\":1}]}"}) {
    ASSERT_TRUE(env.write_text(folder + "/groups.json", damaged));
    EXPECT_FALSE(read_known_groups(env, folder)) << damaged;
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace trommel
