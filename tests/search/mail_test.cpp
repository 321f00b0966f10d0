// Mail between ranks as threads' communicators: what was sent arrives, whole and in order.
#include "search/mail.hpp"

#include <gtest/gtest.h>

#include "comm/inproc/inproc_world.hpp"
#include "core/error.hpp"

namespace podium::search {
namespace {

class MailTest : public testing::Test {
 protected:
  comm::InprocWorld world_{3, "mail"};
  std::unique_ptr<comm::Communicator> groups_[3] = {world_.communicator(0), world_.communicator(1),
                                                    world_.communicator(2)};
  Mail first_{*groups_[0]};
  Mail second_{*groups_[1]};
  Mail third_{*groups_[2]};
};

TEST_F(MailTest, LettersOfEachSenderArriveInTheirOrder) {
  EXPECT_FALSE(first_.take());
  for (int i = 0; i < 100; ++i) {
    second_.send(0, {{"number", i}});
    third_.send(0, {{"number", i}});
  }
  int expected[3] = {};
  for (int i = 0; i < 200; ++i) {
    const auto letter = first_.take();
    ASSERT_TRUE(letter);
    ASSERT_TRUE(letter->from == 1 || letter->from == 2);
    EXPECT_EQ(letter->message.at("number"), expected[letter->from]++);
  }
  EXPECT_FALSE(first_.take());
  second_.flush();
  third_.flush();
}

TEST_F(MailTest, EachRankGetsItsOwn) {
  first_.send(2, {{"to", "the third"}});
  first_.send(1, {{"to", "the second"}});
  EXPECT_EQ(second_.take()->message.at("to"), "the second");
  EXPECT_EQ(third_.take()->message.at("to"), "the third");
  EXPECT_FALSE(second_.take());
}

TEST_F(MailTest, LengthAndBytesOfATextDoNotMatter) {
  const std::string text(size_t{1} << 20, 'x');
  first_.send(1, {{"long", text}});
  first_.send(1, {{"of a file name", "\xff\xfe"}});  // no UTF-8
  EXPECT_EQ(second_.take()->message.at("long"), text);
  EXPECT_TRUE(second_.take()->message.contains("of a file name"));
}

TEST_F(MailTest, WhatIsNoMessageIsRefused) {
  first_.send(1, Json::array({1, 2}));
  EXPECT_THROW(second_.take(), Error);
}

}  // namespace
}  // namespace podium::search
