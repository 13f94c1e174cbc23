/** Whether the search dialog is open: the button in every header and Ctrl-K open the same one. */
class Search {
  open = $state(false);
}

export const search = new Search();
