"""Which product group a product of *The Complete Journey* belongs to: of ours, by its category, else by its department."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from domain.cross_sell.groups import GROUPS

# Alcohol, tobacco, fuel, coupons, gift goods, flowers, toys and the like are in none of our groups, so they are left out here.
_BY_DEPARTMENT: Final[Mapping[str, str]] = {
    "MEAT": "meat",
    "SEAFOOD": "meat",
    "SEAFOOD-PCKGD": "meat",
    "MEAT-PCKGD": "meat",
    "PRODUCE": "vegetables",
    "PASTRY": "bakery",
    "DELI": "deli",
    "SALAD BAR": "deli",
    "CHEF SHOPPE": "deli",
    "RESTAURANT": "deli",
    "FROZEN GROCERY": "frozen",
    "COSMETICS": "care",
    "NUTRITION": "pantry",
}
_CATEGORIES: Final[Mapping[str, tuple[str, ...]]] = {
    "fruit": (
        "TROPICAL FRUIT", "APPLES", "CITRUS", "BERRIES", "GRAPES", "VALUE ADDED FRUIT", "STONE FRUIT", "MELONS", "PEARS",
        "DRIED FRUIT",
    ),
    "dairy": ("FLUID MILK PRODUCTS", "CHEESE", "EGGS", "YOGURT", "MILK BY-PRODUCTS", "MARGARINES", "BUTTER", "MISC. DAIRY"),
    "bakery": ("BAKED BREAD/BUNS/ROLLS", "BAKED SWEET GOODS", "REFRGRATD DOUGH PRODUCTS", "BREAD"),
    "breakfast": (
        "COLD CEREAL", "HOT CEREAL", "CONVENIENT BRKFST/WHLSM SNACKS", "MOLASSES/SYRUP/PANCAKE MIXS", "COFFEE", "TEAS", "COCOA MIXES",
        "PNT BTR/JELLY/JAMS", "FRZN BREAKFAST FOODS", "BREAKFAST SAUSAGE/SANDWICHES", "BACON", "CEREAL/BREAKFAST", "COFFEE FILTERS",
        "REFRGRATD JUICES/DRNKS",
    ),
    "pantry": (
        "SOUP", "VEGETABLES - SHELF STABLE", "FRUIT - SHELF STABLE", "CONDIMENTS/SAUCES", "SALD DRSNG/SNDWCH SPRD", "HISPANIC",
        "MEAT - SHELF STABLE", "SEAFOOD - SHELF STABLE", "DRY BN/VEG/POTATO/RICE", "DINNER MXS:DRY", "DRY NOODLES/PASTA",
        "BAKING MIXES", "PASTA SAUCE", "SUGARS/SWEETNERS", "BAKING NEEDS", "BEANS - CANNED GLASS & MW", "SPICES & EXTRACTS",
        "SHORTENING/OIL", "DRY SAUCES/GRAVY", "DRY MIX DESSERTS", "PICKLE/RELISH/PKLD VEG", "FLOUR & MEALS", "OLIVES", "CANNED MILK",
        "SYRUPS/TOPPINGS", "RESTRICTED DIET",
    ),
    "deli": ("LUNCHMEAT",),
    "frozen": (
        "FROZEN PIZZA", "FRZN MEAT/MEAT DINNERS", "ICE CREAM/MILK/SHERBTS", "FRZN VEGETABLE/VEG DSH", "FRZN NOVELTIES/WTR ICE",
        "FRZN POTATOES", "FROZEN BREAD/DOUGH", "FROZEN PIE/DESSERTS", "FRZN ICE", "FRZN JCE CONC/DRNKS", "FRZN FRUITS", "FROZEN CHICKEN",
        "FRZN SEAFOOD", "FROZEN",
    ),
    "snacks": (
        "BAG SNACKS", "CRACKERS/MISC BKD FD", "COOKIES/CONES", "WAREHOUSE SNACKS", "SNACK NUTS", "CANDY - CHECKLANE", "CANDY - PACKAGED",
        "POPCORN", "NUTS", "CHIPS&SNACKS", "RICE CAKES", "SNKS/CKYS/CRKR/CNDY", "PACKAGED NATURAL SNACKS",
    ),
    "drinks": (
        "SOFT DRINKS", "CANNED JUICES", "WATER - CARBONATED/FLVRD DRINK", "PWDR/CRYSTL DRNK MX", "ISOTONIC DRINKS", "NEW AGE", "WATER",
        "JUICE", "BEVERAGE", "NON-DAIRY BEVERAGES",
    ),
    "household": (
        "BATH TISSUES", "FD WRAPS/BAGS/TRSH BG", "PAPER TOWELS", "LAUNDRY DETERGENTS", "PAPER HOUSEWARES", "HOUSEHOLD CLEANG NEEDS",
        "FACIAL TISS/DNR NAPKIN", "DISHWASH DETERGENTS", "LAUNDRY ADDITIVES", "AIR CARE", "BLEACH", "BROOMS AND MOPS",
        "DISPOSIBLE FOILWARE", "PLASTIC HOUSEWARES", "BATTERIES", "ELECTRICAL SUPPPLIES", "INSECTICIDES", "IRONING AND CHEMICALS",
        "CHARCOAL AND LIGHTER FLUID",
    ),
    "care": (
        "HAIR CARE PRODUCTS", "ORAL HYGIENE PRODUCTS", "SOAP - LIQUID & BAR", "DIAPERS & DISPOSABLES", "COLD AND FLU", "FEMININE HYGIENE",
        "BABY HBC", "ANALGESICS", "DEODORANTS", "BABY FOODS", "SHAVING CARE PRODUCTS", "HAND/BODY/FACIAL PRODUCTS", "FIRST AID PRODUCTS",
        "VITAMINS", "SINUS AND ALLERGY", "INFANT FORMULA", "LAXATIVES", "ANTACIDS", "DIETARY AID PRODUCTS", "HAIR CARE ACCESSORIES",
        "EYE AND EAR CARE PRODUCTS", "INFANT CARE PRODUCTS", "FOOT CARE PRODUCTS", "SUNTAN", "ADULT INCONTINENCE",
        "ETHNIC PERSONAL CARE", "PERSONAL CARE APPLIANCES", "BABYFOOD",
    ),
    "pets": ("DOG FOODS", "CAT FOOD", "CAT LITTER", "PET CARE SUPPLIES", "BIRD SEED"),
}  # fmt: skip
_BY_CATEGORY: Final = {category: group for group, categories in _CATEGORIES.items() for category in categories}
_IN_NO_GROUP: Final = ("COUPON", "MISCELLANEOUS", "DELI SUPPLIES", "GARDEN CENTER")


def group_of(department: str | None, category: str | None) -> str | None:
    """Our group of a product; None where it is never offered, or nobody knows what it is."""
    if category in _BY_CATEGORY:
        return _BY_CATEGORY[category]
    if category is not None and category.startswith(_IN_NO_GROUP):
        return None
    return _BY_DEPARTMENT.get(department or "")


class Grouping(NamedTuple):
    """Product groups, and which of them a product is of by its department and its category; None: of none."""

    names: tuple[str, ...]
    group_of: Callable[[str | None, str | None], str | None]


OURS: Final = Grouping(GROUPS, group_of)
