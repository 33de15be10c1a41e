"""Recipes: rules that choose configuration values from corpus statistics, with their reasons."""
