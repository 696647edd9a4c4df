from django.urls import path

from risk.views import items, lists

urlpatterns = [
    path("radar/value_lists", lists.ValueLists.as_view()),
    path("radar/value_lists/<str:public_id>", lists.ValueListDetail.as_view()),
    path("radar/value_list_items", items.ValueListItems.as_view()),
    path("radar/value_list_items/<str:public_id>", items.ValueListItemDetail.as_view()),
]
