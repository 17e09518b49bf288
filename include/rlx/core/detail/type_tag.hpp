// SPDX-License-Identifier: MIT
#ifndef RLX_CORE_DETAIL_TYPE_TAG_HPP
#define RLX_CORE_DETAIL_TYPE_TAG_HPP

namespace rlx::inline v0_1::detail {

/// Its address tells one type from another where `typeid` would need run-time type information (consumers with -fno-rtti).
template <class T>
inline constexpr char type_tag{};

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_CORE_DETAIL_TYPE_TAG_HPP
