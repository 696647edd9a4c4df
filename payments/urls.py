"""Payments under /v1."""

from django.urls import path

from payments.views import balance, cards, charges, checkout, disputes, intents, payouts, refunds, reviews

urlpatterns = [
    path("balance", balance.Balance.as_view()),
    path("balance/history", balance.BalanceTransactions.as_view()),
    path("balance/history/<str:public_id>", balance.BalanceTransactionDetail.as_view()),
    path("balance_transactions", balance.BalanceTransactions.as_view()),
    path("balance_transactions/<str:public_id>", balance.BalanceTransactionDetail.as_view()),
    path("charges", charges.Charges.as_view()),
    path("charges/search", charges.ChargeSearch.as_view()),
    path("charges/<str:public_id>", charges.ChargeDetail.as_view()),
    path("charges/<str:public_id>/capture", charges.ChargeCapture.as_view()),
    path("charges/<str:public_id>/refunds", charges.ChargeRefunds.as_view()),
    path("checkout/sessions", checkout.CheckoutSessions.as_view()),
    path("checkout/sessions/<str:public_id>", checkout.CheckoutSessionDetail.as_view()),
    path("checkout/sessions/<str:public_id>/expire", checkout.CheckoutSessionExpire.as_view()),
    path("disputes", disputes.Disputes.as_view()),
    path("disputes/<str:public_id>", disputes.DisputeDetail.as_view()),
    path("disputes/<str:public_id>/close", disputes.DisputeClose.as_view()),
    path("payment_intents", intents.PaymentIntents.as_view()),
    path("payment_intents/search", intents.PaymentIntentSearch.as_view()),
    path("payment_intents/<str:public_id>", intents.PaymentIntentDetail.as_view()),
    path("payment_intents/<str:public_id>/confirm", intents.PaymentIntentConfirm.as_view()),
    path("payment_intents/<str:public_id>/capture", intents.PaymentIntentCapture.as_view()),
    path("payment_intents/<str:public_id>/cancel", intents.PaymentIntentCancel.as_view()),
    path("payment_methods/<str:public_id>", cards.PaymentMethodDetail.as_view()),
    path("payouts", payouts.Payouts.as_view()),
    path("payouts/<str:public_id>", payouts.PayoutDetail.as_view()),
    path("payouts/<str:public_id>/cancel", payouts.PayoutCancel.as_view()),
    path("payouts/<str:public_id>/reverse", payouts.PayoutReverse.as_view()),
    path("refunds", refunds.Refunds.as_view()),
    path("refunds/<str:public_id>", refunds.RefundDetail.as_view()),
    path("reviews", reviews.Reviews.as_view()),
    path("reviews/<str:public_id>", reviews.ReviewDetail.as_view()),
    path("reviews/<str:public_id>/approve", reviews.ReviewApprove.as_view()),
    path("tokens/<str:public_id>", cards.TokenDetail.as_view()),
]
