// The lamps and the cart: what the page itself tells the gateway about its customer.

const $ = (id) => document.getElementById(id);

/** What isn't the page's to say: the first once a token has said it, the second ever, for it is declared as signed. */
const CLAIM = { msdyn_isvip: true, portalcontactid: "somebody-else" };

export class Shelf {
  #chat;
  #tabs;

  constructor(chat, tabs) {
    this.#chat = chat;
    this.#tabs = tabs;
    $("goods").addEventListener("click", ({ target }) => {
      const lamp = target.closest("[data-lamp]")?.dataset.lamp;
      if (lamp) this.#add(lamp);
    });
    $("claim").addEventListener("click", () => {
      this.#chat.say({ type: "set_context", context: CLAIM });
    });
  }

  /** The page's variables, unsigned as they are; without a cart there are none. */
  variables() {
    const { items, last } = this.#cart();
    return items > 0 ? { cart_items: items, last_added: last } : {};
  }

  render(live) {
    const { items, last } = this.#cart();
    const text = items > 0 ? `In the cart: ${items}, last ${last}` : "The cart is empty";
    if ($("cart").textContent !== text) $("cart").textContent = text;
    $("claim").disabled = !live;
  }

  #cart() {
    return this.#tabs.get("cart") ?? { items: 0, last: "" };
  }

  #add(lamp) {
    this.#tabs.set("cart", { items: this.#cart().items + 1, last: lamp });
    this.#chat.say({ type: "set_context", context: this.variables() });
    this.render(!$("claim").disabled);
  }
}
